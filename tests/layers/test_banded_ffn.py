"""The feed-forward network in bands: the plain formula's numbers, whatever is cut where."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from heracles_mm.layers import banded_ffn
from heracles_mm.layers.ffn import ConvFFN


def plain(module: ConvFFN, x: torch.Tensor) -> torch.Tensor:
    hidden = module.dwconv(module.fc1(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    return module.fc2(module.act(hidden))


def make(dtype=torch.float64) -> ConvFFN:
    """Weights of order 1, so that the padding, the bias and each row's neighbours show."""
    module = ConvFFN(4, 3).to(dtype)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    return module


def gradients(module, result, x):
    direction = torch.linspace(-1, 1, result.numel(), dtype=result.dtype).view_as(result)
    return torch.autograd.grad((result * direction).sum(), (x, *module.parameters()))


@settings(max_examples=60)
@given(
    batch=st.integers(1, 5),
    height=st.integers(1, 12),
    width=st.integers(1, 9),
    budget=st.integers(1, 20000),
)
def test_any_cut_gives_the_plain_formula_and_its_gradients(batch, height, width, budget):
    """From bands of two rows to whole pictures: no row may lose a neighbour, and at the edges of
    the picture the neighbours are zeros after the first layer, not before it."""
    module = make()
    x = torch.randn(batch, height, width, 4, dtype=torch.float64, requires_grad=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(banded_ffn, 'BAND_BYTES', budget)
        result = banded_ffn.banded_ffn(x, *ordered(module))
        found = gradients(module, result, x)
    expected = plain(module, x)
    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(found, gradients(module, expected, x))


def ordered(module):
    layers = (module.fc1, module.dwconv, module.fc2)
    return [tensor for layer in layers for tensor in (layer.weight, layer.bias)]


@pytest.mark.parametrize('layout', ['strided', 'expanded'])
def test_a_map_that_is_not_contiguous(layout, monkeypatch):
    monkeypatch.setattr(banded_ffn, 'BAND_BYTES', 500)
    module, x = make(), torch.randn(2, 5, 6, 8, dtype=torch.float64)
    x = x[..., ::2] if layout == 'strided' else x[:1, ..., :4].expand(2, -1, -1, -1)
    x = x.requires_grad_()
    result = module(x)
    torch.testing.assert_close(result, plain(module, x))
    torch.testing.assert_close(gradients(module, result, x), gradients(module, plain(module, x), x))


def test_the_module_takes_the_bands_for_large_maps_on_a_cpu_alone(monkeypatch):
    monkeypatch.setattr(banded_ffn, 'BAND_BYTES', 1000)
    large, module = torch.zeros(1, 8, 8, 4), ConvFFN(4, 3)
    assert banded_ffn.is_wide(large, module.dwconv)
    assert not banded_ffn.is_wide(torch.zeros(9, 2, 2, 4), module.dwconv)  # many small pictures
    assert not banded_ffn.is_wide(large[:, :2, :2], module.dwconv)
    assert not banded_ffn.is_wide(torch.zeros(0, 8, 8, 4), module.dwconv)
    assert module.on_cpu_as_made(large)
    assert not module.on_cpu_as_made(large.to('meta'))


def test_under_autocast_it_computes_in_the_half_type(monkeypatch):
    """The same rounding as the plain layers under autocast, up to the order of sums."""
    monkeypatch.setattr(banded_ffn, 'BAND_BYTES', 1000)
    module, x = make(torch.float32), torch.randn(2, 9, 7, 4, requires_grad=True)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        result = module(x)
        expected = plain(module, x)
    assert result.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(result, expected, rtol=0.05, atol=0.05 * expected.abs().max().item())
    grads = torch.autograd.grad(result.float().square().mean(), (x, *module.parameters()))
    assert [g.dtype for g in grads] == [torch.float32] * 7


def test_half_precision_gradients_are_summed_in_float32(monkeypatch):
    """Many pictures and channel blocks: sums in bfloat16 itself would drift away from the plain
    layers, whose products sum in float32."""
    monkeypatch.setattr(banded_ffn, 'BAND_BYTES', 1)
    module = ConvFFN(4, 64)  # 256 hidden channels, 4 blocks
    x = torch.randn(64, 3, 4, 4, requires_grad=True)

    def gradients_by(function):
        with torch.autocast('cpu', dtype=torch.bfloat16):
            result = function(x)
        direction = torch.ones_like(result).float()
        return torch.autograd.grad((result.float() * direction).sum(), (x, *module.parameters()))

    exact = torch.autograd.grad(plain(module, x).sum(), (x, *module.parameters()))
    plainly, banded = gradients_by(lambda x: plain(module, x)), gradients_by(module)
    for truth, one, other in zip(exact, plainly, banded, strict=True):
        assert (other - truth).norm() <= 1.5 * (one - truth).norm() + 1e-3 * truth.norm()


def test_float64_stays_float64_under_autocast(monkeypatch):
    monkeypatch.setattr(banded_ffn, 'BAND_BYTES', 1)
    module, x = make(), torch.randn(1, 5, 4, 4, dtype=torch.float64)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        torch.testing.assert_close(module(x), plain(module, x))


def test_the_backward_pass_keeps_no_hidden_map(monkeypatch):
    """What training saves is the input and the weights, not three maps of the hidden width."""
    module, x = ConvFFN(8, 8), torch.randn(2, 16, 16, 8, requires_grad=True)
    saved = []
    for budget in (10**9, 1000):
        monkeypatch.setattr(banded_ffn, 'BAND_BYTES', budget)
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t, sizes=sizes: sizes.append(t.numel()) or t, lambda t: t
        ):
            module(x)
        saved.append(sum(sizes))
    hidden = 2 * 16 * 16 * 64
    assert saved[0] > 3 * hidden
    assert saved[1] < hidden


def test_compiled_it_is_the_plain_formula(monkeypatch):
    """Compilers fuse the plain layers themselves: no graph break for the bands."""
    monkeypatch.setattr(banded_ffn, 'BAND_BYTES', 1000)
    module, x = make(), torch.randn(1, 9, 8, 4, dtype=torch.float64)
    compiled = torch.compile(module, backend='aot_eager', fullgraph=True)
    torch.testing.assert_close(compiled(x), plain(module, x))


def test_compiled_it_is_one_operator_with_the_same_numbers(monkeypatch):
    """Forward and backward; a compiler would write the wide map to memory."""
    monkeypatch.setattr(banded_ffn, 'BAND_BYTES', 100)
    ffn, x = ConvFFN(4, 2).double(), torch.randn(2, 6, 5, 4, dtype=torch.float64)
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph

    def results(call):
        y = call(x.requires_grad_())
        return y, *torch.autograd.grad(y.square().sum(), [x, *ffn.parameters()])

    found = results(torch.compile(ffn, backend=backend, fullgraph=True))
    torch.testing.assert_close(found, results(ffn))
    names = [str(node.target) for node in graphs[0].graph.nodes if node.op == 'call_function']
    assert sum('heracles_mm.banded_ffn' in name for name in names) == 1
    assert not any('gelu' in name for name in names)
    found = results(torch.compile(ffn, backend='aot_eager', fullgraph=True))
    torch.testing.assert_close(found, results(ffn))


@pytest.mark.parametrize('frozen', [False, True])
def test_its_gradient_has_a_gradient(frozen, monkeypatch):
    """As gradient penalties want it, of frozen models too."""
    monkeypatch.setattr(banded_ffn, 'BAND_BYTES', 100)
    ffn = ConvFFN(2, 2).double().requires_grad_(not frozen)
    x = torch.randn(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    inputs = (x, *(() if frozen else ffn.parameters()))
    assert torch.autograd.gradgradcheck(lambda x, *_: ffn(x), inputs)
