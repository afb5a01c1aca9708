"""The token kernel: its spectrum is never out of date, and it loads what fits."""

import copy
import logging

import pytest
import torch

from heracles_mm.spectral import TokenKernel, resample_kernel

GRID = (4, 6)


def make(**options) -> TokenKernel:
    return TokenKernel(3, GRID, **options).eval()


@torch.no_grad()
def read(module: TokenKernel, grid=GRID, dtype=torch.float32) -> torch.Tensor:
    return module(grid, dtype)


@torch.no_grad()
def fresh(module: TokenKernel, grid=GRID, dtype=torch.float32) -> torch.Tensor:
    return module._spectrum(grid, dtype)


def step(module):
    with torch.enable_grad():
        module(GRID, torch.float32).abs().sum().backward()
    torch.optim.AdamW(module.parameters(), lr=0.1).step()


def write_data_then_eval(module):
    """What mmengine's EMAHook does before each validation: no version counts it."""
    module.weight.data.copy_(torch.randn_like(module.weight))
    module.eval()


def load(module):
    module.load_state_dict({'weight': torch.randn_like(module.weight)})


def assign(module):
    module.load_state_dict({'weight': torch.randn_like(module.weight)}, assign=True)


def replace_data(module):
    module.weight.data = torch.randn_like(module.weight)


def replace_parameter(module):
    module.weight = torch.nn.Parameter(torch.randn_like(module.weight))


def write_in_place(module):
    with torch.no_grad():
        module.weight.mul_(2)


def there_and_back(module):
    """Through bfloat16 the weight is rounded."""
    module.to(torch.bfloat16).to(torch.float32)


def train_and_eval(module):
    module.train()
    module.weight.data.add_(1)
    module.eval()


ROADS = [
    step,
    write_data_then_eval,
    load,
    assign,
    replace_data,
    replace_parameter,
    write_in_place,
    there_and_back,
    train_and_eval,
]


@pytest.mark.parametrize('change', ROADS, ids=lambda road: road.__name__)
def test_no_change_of_the_weight_leaves_an_old_spectrum(change):
    module = make()
    before = read(module)
    change(module)
    after = read(module)
    assert torch.equal(after, fresh(module))
    assert not torch.equal(after, before)


def test_in_eval_it_is_computed_once_for_a_grid(monkeypatch):
    module, count = make(), []
    compute = module._spectrum
    monkeypatch.setattr(module, '_spectrum', lambda *args: count.append(args) or compute(*args))
    with torch.no_grad():
        first = module(GRID, torch.float32)
        assert module(GRID, torch.float32) is first
    assert torch.equal(first, fresh(make_equal(module)))
    read(module, (5, 5))
    read(module, (5, 5), torch.float64)
    read(module)
    assert [args[0] for args in count] == [GRID, (5, 5), (5, 5), GRID]


def make_equal(module):
    twin = make()
    twin.load_state_dict(module.state_dict())
    return twin


def test_other_grids_and_dtypes_are_not_mixed_up():
    module = make()
    for grid in (GRID, (6, 4), (3, 8)):  # the same number of tokens
        for dtype in (torch.float32, torch.float64):
            result = read(module, grid, dtype)
            assert result.dtype == dtype.to_complex()
            assert torch.equal(result, fresh(module, grid, dtype))


@pytest.mark.parametrize('training', [True, False])
def test_under_gradients_it_is_computed_afresh(training):
    module = make().train(training)
    read(module)
    result = module(GRID, torch.float32)
    (gradient,) = torch.autograd.grad(result.abs().square().sum(), module.weight)
    assert gradient.abs().sum() > 0


def test_what_inference_mode_kept_serves_outside_it():
    module = make()
    with torch.inference_mode():
        inside = module(GRID, torch.float32)
    assert torch.equal(read(module), inside)
    with torch.inference_mode():
        made_inside = make()
        made_inside(GRID, torch.float32)
        made_inside.weight.zero_()
        assert not made_inside(GRID, torch.float32).any()
    module(GRID, torch.float32).abs().sum().backward()


def test_a_copy_has_its_own_spectrum():
    module = make()
    read(module)
    twin = copy.deepcopy(module)
    with torch.no_grad():
        twin.weight.mul_(2)
    torch.testing.assert_close(read(twin), 2 * read(module))


@pytest.mark.parametrize('fft_axes', ['tokens', 'grid'])
@pytest.mark.parametrize('kernel', ['complex', 'real'])
def test_a_stored_kernel_of_another_grid_is_moved_on_load(fft_axes, kernel, caplog):
    options = dict(fft_axes=fft_axes, kernel=kernel)
    old, new = TokenKernel(3, (8, 10), **options), TokenKernel(3, (6, 12), **options)
    with caplog.at_level(logging.INFO):
        new.load_state_dict(old.state_dict())
    assert 'weight: resampled from (8, 10) to (6, 12)' in caplog.text
    assert torch.equal(new.weight, resample_kernel(old.weight, (6, 12), fft_axes))


def test_a_stored_kernel_of_the_same_grid_is_loaded_as_it_is(caplog):
    old, new = make(), make()
    with caplog.at_level(logging.INFO):
        new.load_state_dict(old.state_dict())
    assert torch.equal(new.weight, old.weight)
    assert not caplog.text


@pytest.mark.parametrize('strict', [True, False])
@pytest.mark.parametrize(
    ('weight', 'message'),
    [
        (torch.full((2, 3, *GRID), float('nan')), 'holds NaN or infinity'),
        (torch.full((2, 3, 9, 9), float('inf')), 'holds NaN or infinity'),
        (torch.zeros(2, 4, *GRID), r'shape \(2, 4, 4, 6\), this kernel takes \(2, 3, H, W\)'),
        (torch.zeros(1, 3, *GRID), r'shape \(1, 3, 4, 6\), this kernel takes \(2, 3, H, W\)'),
        (torch.zeros(3, *GRID), r'shape \(3, 4, 6\), this kernel takes \(2, 3, H, W\)'),
        (torch.zeros(2, 3, 0, 6), r'shape \(2, 3, 0, 6\), this kernel takes'),
        (torch.zeros(2, 3, *GRID, dtype=torch.complex64), 'real floating-point'),
    ],
)
def test_a_stored_kernel_that_cannot_be_used_is_refused(weight, message, strict):
    module = make()
    before = module.weight.detach().clone()
    with pytest.raises((ValueError, RuntimeError), match=message):  # torch's own, of shapes
        module.load_state_dict({'weight': weight}, strict=strict)
    assert torch.equal(module.weight, before)
