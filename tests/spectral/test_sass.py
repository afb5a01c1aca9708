"""SASS: every saving gives the literal complex formula, in float32 whatever the caller computes in,
with finite gradients where frequencies vanish."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from literal import fft, kernel_spectrum, literal_sass, pulse
from torch.utils._python_dispatch import TorchDispatchMode

from heracles_mm.spectral import SASS, fourier, fused_bins
from heracles_mm.spectral.eager import AsMade
from heracles_mm.spectral.fourier import NORMALISATION, from_half_spectrum, half_spectrum

AXES = pytest.mark.parametrize('fft_axes', ['tokens', 'grid'])
KERNELS = pytest.mark.parametrize('kernel', ['complex', 'real'])
GRIDS = [(8, 6), (5, 7), (4, 5), (1, 6), (3, 1), (1, 1)]
TOLERANCE = dict(rtol=0, atol=1e-10)


def make(fft_axes='tokens', kernel='complex', grid=(4, 5), channels=3, double=True):
    """Weights of order 1, so that every part of the formula shows in the result."""
    module = SASS(channels, grid, fft_axes, kernel)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    return module.double() if double else module


def maps(*shape):
    return torch.randn(*shape, dtype=torch.float64)


@AXES
@KERNELS
@settings(max_examples=25)
@given(height=st.integers(1, 9), width=st.integers(1, 9))
def test_it_is_the_literal_formula(fft_axes, kernel, height, width):
    """With a real kernel whatever stands in Im W_1: Re takes the Hermitian part of Z, and with a
    Hermitian Y that is Y (W_1 + conj W_1) / 2 times the gate."""
    module, x = make(fft_axes, kernel, (height, width)), maps(2, height, width, 3)
    expected = literal_sass(module, x, imaginary_w1=maps(3, 3))
    torch.testing.assert_close(module(x), expected, **TOLERANCE)


@AXES
@pytest.mark.parametrize('grid', GRIDS, ids=str)
def test_half_of_the_bins_give_the_gated_spectrum(fft_axes, grid):
    """A real map is Hermitian and its gate is even: the kept bins are the literal ones, and the
    inverse of the kept ones is the inverse of all."""
    module, x = make(fft_axes, grid=grid), maps(2, *grid, 3)
    half = half_spectrum(x, fft_axes, NORMALISATION.maps)
    half = half * module.pulse(half.abs())
    whole = pulse(module, fft(x, fft_axes, NORMALISATION.maps))
    kept = whole[..., : half.shape[-2], :]
    torch.testing.assert_close(half, kept, **TOLERANCE)


@AXES
@pytest.mark.parametrize('grid', GRIDS, ids=str)
def test_two_half_spectra_are_the_kernels_whole_spectrum(fft_axes, grid):
    """K^(f) on the kept bins, and conj K^(-f), from the literal spectrum at the negated bins."""
    module = make(fft_axes, grid=grid)
    straight, mirrored = module.kernel(grid, torch.float64).movedim(1, -1)
    whole = kernel_spectrum(module)[0]
    axes = tuple(range(whole.dim() - 1))
    negated = whole.flip(axes).roll((1,) * len(axes), axes)
    bins = straight.shape[-2]
    torch.testing.assert_close(straight, whole[..., :bins, :], **TOLERANCE)
    torch.testing.assert_close(mirrored, negated[..., :bins, :].conj(), **TOLERANCE)


@AXES
@KERNELS
@pytest.mark.parametrize('batch', [1, 3])
@pytest.mark.parametrize('chunk', [1, 7, 2**15])
def test_fewer_operators_give_the_numbers_of_the_formula(
    fft_axes, kernel, batch, chunk, monkeypatch
):
    """Forward and backward, whatever number of bins goes together: all between the transforms is
    bin by bin. The formula's parts are what hooks, compilers and transforms see."""
    monkeypatch.setattr(fused_bins, 'CHUNK', chunk)
    monkeypatch.setattr(fused_bins, 'COLUMNS', 1)
    module, x = make(fft_axes, kernel), maps(batch, 4, 5, 3).requires_grad_()
    weights, direction = [x, *module.parameters()], maps(batch, 4, 5, 3)

    def results():
        y = module(x)
        return y, *torch.autograd.grad((y * direction).sum(), weights)

    assert module.is_as_made()
    found = results()
    with torch.no_grad():
        torch.testing.assert_close(module.eval()(x), found[0], **TOLERANCE)
    monkeypatch.setattr(AsMade, 'is_as_made', lambda self: False)
    for own, plain in zip(found, results(), strict=True):
        torch.testing.assert_close(own, plain, **TOLERANCE)


@pytest.mark.parametrize('frozen', [False, True])
@KERNELS
def test_its_gradient_has_a_gradient(kernel, frozen):
    """As gradient penalties want it, in the route of fewer operators too, of frozen models too."""
    module, x = make(kernel=kernel, grid=(2, 3), channels=2), maps(1, 2, 3, 2).requires_grad_()
    module.requires_grad_(not frozen)
    assert module.is_as_made()
    inputs = (x, *(() if frozen else module.parameters()))
    assert torch.autograd.gradgradcheck(lambda x, *_: module(x), inputs)


def test_in_training_it_keeps_little_beside_its_spectrum():
    """Everything that a bin becomes, ten times the map, is computed again."""
    module, x = SASS(16, (32, 32)), torch.randn(2, 32, 32, 16, requires_grad=True)
    weights, kept = {p.untyped_storage()._cdata for p in module.parameters()}, {}

    def keep(tensor):
        memory = tensor.untyped_storage()
        if memory._cdata not in weights:
            kept[memory._cdata] = memory.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        y = module(x)
    # The map, and the kernel's spectrum, which is two but of one picture.
    assert sum(kept.values()) < 3 * y.nbytes


@AXES
@pytest.mark.parametrize('grid', GRIDS, ids=str)
def test_the_real_part_is_the_inverse_of_the_hermitian_part(fft_axes, grid):
    """For any Z: Re IFFT(Z) needs (Z(f) + conj Z(-f)) / 2 on half of the bins alone."""
    z = fft(maps(2, *grid, 3), fft_axes, 'ortho') + 1j * fft(maps(2, *grid, 3), fft_axes, 'ortho')
    dims = tuple(range(1, z.dim() - 1))
    expected = torch.fft.ifftn(z, dim=dims, norm='ortho').real.reshape(2, *grid, 3)
    hermitian = (z + z.flip(dims).roll((1,) * len(dims), dims).conj()) / 2
    half = hermitian[..., : z.shape[-2] // 2 + 1, :]
    result = from_half_spectrum(half, grid, fft_axes, 'ortho')
    torch.testing.assert_close(result, expected, **TOLERANCE)


@AXES
@pytest.mark.parametrize('kernel', ['complex', 'real'])
def test_without_gates_it_is_the_circular_convolution_with_the_real_kernel(fft_axes, kernel):
    """Gates at 1/2 and W_1 = 4: what is left is v * Re K, summed over offsets one by one."""
    grid, channels = (4, 5), 3
    module, x = make(fft_axes, kernel, grid, channels), maps(2, *grid, channels)
    for parameter in (*module.pulse.parameters(), *module.sagu.parameters()):
        torch.nn.init.zeros_(parameter)
    module.sagu.w1.data[0] = 4 * torch.eye(channels)
    weight, expected = module.kernel.weight[0], torch.zeros_like(x)
    for row in range(grid[0]):
        for column in range(grid[1]):
            if fft_axes == 'tokens':
                moved = x.flatten(1, 2).roll(row * grid[1] + column, 1).unflatten(1, grid)
            else:
                moved = x.roll((row, column), (1, 2))
            expected = expected + moved * weight[:, row, column]
    torch.testing.assert_close(module(x), expected)


@AXES
@KERNELS
@pytest.mark.parametrize('size', [(4, 5), (3, 2)], ids=str)
def test_gradients_reach_input_and_every_parameter(fft_axes, kernel, size):
    module = make(fft_axes, kernel, channels=2)
    x = maps(1, *size, 2).requires_grad_()
    inputs = (x, *module.parameters())
    assert torch.autograd.gradcheck(lambda x, *_: module(x), inputs)


@AXES
@KERNELS
@pytest.mark.parametrize('x', [torch.zeros(2, 4, 6, 3), torch.ones(2, 4, 6, 3)], ids=['0', '1'])
def test_gradients_are_finite_where_frequencies_are_exactly_zero(fft_axes, kernel, x):
    """|z| has no derivative at 0, and a constant map is 0 in every bin but one."""
    module = make(fft_axes, kernel, (4, 6), double=False)
    x = x.clone().requires_grad_()
    result = module(x)
    result.square().sum().backward()
    expected = literal_sass(module, x, imaginary_w1=maps(3, 3))
    torch.testing.assert_close(result, expected.float(), rtol=1e-4, atol=1e-4)
    assert x.grad.isfinite().all()
    assert all(p.grad.isfinite().all() for p in module.parameters())


ROUTES = pytest.mark.parametrize('as_made', [True, False], ids=['as made', 'plain'])


@pytest.fixture
def route(monkeypatch):
    """A function that closes the route of fewer operators, or leaves it open."""

    def choose(as_made):
        if not as_made:
            monkeypatch.setattr(AsMade, 'is_as_made', lambda self: False)

    return choose


@AXES
@KERNELS
@ROUTES
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_transforms_are_in_float32_under_autocast_and_products_in_bfloat16(
    fft_axes, kernel, as_made, dtype, route, monkeypatch
):
    """A run that merely finishes proves nothing: look at what reaches transforms and products."""
    route(as_made)
    module, x = make(fft_axes, kernel, double=False), torch.randn(2, 4, 5, 3).to(dtype)
    expected = module(x.float())
    seen = []
    for name in ('rfftn', 'irfftn'):
        transform = getattr(torch.fft, name)

        def spy(x, *args, transform=transform, **kwargs):
            seen.append((x.dtype, torch.is_autocast_enabled('cpu')))
            return transform(x, *args, **kwargs)

        monkeypatch.setattr(torch.fft, name, spy)
    with torch.autocast('cpu', dtype=dtype), Products() as products:
        result = module(x)
    assert seen == [(torch.float32, False), (torch.float32, False), (torch.complex64, False)]
    assert result.dtype == dtype
    products = {each for each in products.dtypes if not each.is_complex}  # which the kernel's are
    if dtype == torch.bfloat16:
        assert products == {torch.bfloat16}
    else:  # not in float16: see the next test
        assert products == {torch.float32}
        assert torch.equal(result, expected.to(dtype))


class Products(TorchDispatchMode):
    """Sees the dtypes of matrix products, and leaves every route open."""

    takes_every_route = True

    def __init__(self):
        super().__init__()
        self.dtypes = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__ in ('mm', 'addmm', 'bmm', 'baddbmm'):
            self.dtypes.add(args[1].dtype)
        return func(*args, **(kwargs or {}))


@AXES
@KERNELS
@ROUTES
@pytest.mark.parametrize('mean', [0.0, 1.0])
def test_bfloat16_products_cost_about_one_rounding(fft_axes, kernel, as_made, mean, route):
    """Against float64, in units of a bfloat16 rounding: one of the map, which the layers around
    round as well; up to ten of a gradient whose terms cancel. A mean stands out in the spectrum as
    in that of a real map."""
    route(as_made)
    torch.manual_seed(0)
    module = SASS(16, (12, 12), fft_axes, kernel).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    x, direction = maps(2, 12, 12, 16) + mean, maps(2, 12, 12, 16)

    def results(module, x, direction):
        x = x.requires_grad_()
        y = module(x)
        return y, *torch.autograd.grad((y * direction).sum(), [x, *module.parameters()])

    exact = results(module, x, direction)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = results(copy.deepcopy(module).float(), x.detach().float(), direction.float())
    map_error, *others = (
        ((a - b).norm() / b.norm() / torch.finfo(torch.bfloat16).eps).item()
        for a, b in zip(found, exact, strict=True)
    )
    assert map_error < 1.5
    assert max(others) < 10


def test_why_products_are_not_in_float16():
    """A map of 800x1280 px has 64000 positions in the first stage, and its mean's bin is 253 times
    the mean: past float16 from a mean of 259 on, which activations reach, as the infinite product
    shows. Dividing by those 253 first keeps it in range, but a kernel of gain G multiplies |Y| by
    G afterwards, so no fixed factor is safe."""
    module, low = SASS(4, (200, 320)), torch.finfo(torch.float16)
    x = torch.full((1, 200, 320, 4), 300.0)
    v = half_spectrum(x, 'tokens', NORMALISATION.maps)
    assert v.abs().max() > low.max
    assert not module.pulse.gate(v.abs()[0, :1].half()).isfinite().all()
    torch.nn.init.constant_(module.kernel.weight, 0.1)
    y = module.kernel((200, 320), torch.float32)[0].mT * v[0]
    assert (y / 253).abs().max() > low.max
    with torch.autocast('cpu', dtype=torch.float16):
        assert module(x).isfinite().all()


@KERNELS
def test_a_module_in_half_precision_computes_in_float32(kernel):
    module = make(kernel=kernel, double=False).half()
    x = torch.randn(2, 4, 5, 3).half()
    assert torch.equal(module(x), module.float()(x.float()).half())


@AXES
@KERNELS
def test_maps_at_the_end_of_float16_do_not_overflow(fft_axes, kernel):
    """The zero frequency of a map of 60000s is beyond 65504, and so is every product with it."""
    module = SASS(4, (28, 28), fft_axes, kernel)  # as initialised
    x = (torch.rand(2, 28, 28, 4) * 60000).half().requires_grad_()
    result = module(x)
    result.float().mean().backward()
    assert result.isfinite().all()
    assert x.grad.isfinite().all()
    assert all(p.grad.isfinite().all() for p in module.parameters())


@AXES
@KERNELS
@pytest.mark.parametrize('size', [(7, 3), (9, 12), (1, 1)], ids=str)
def test_another_size_is_the_formula_with_the_moved_kernel(fft_axes, kernel, size):
    module, moved = make(fft_axes, kernel), make(fft_axes, kernel, size)
    moved.load_state_dict(module.state_dict())
    x = maps(2, *size, 3)
    expected = literal_sass(moved, x, imaginary_w1=maps(3, 3))
    torch.testing.assert_close(module(x), expected, **TOLERANCE)


@AXES
@KERNELS
def test_an_empty_batch_stays_empty_and_keeps_its_graph(fft_axes, kernel):
    """A process whose share of the pictures is empty still takes part in the gradients."""
    module = make(fft_axes, kernel)
    x = maps(0, 4, 5, 3).requires_grad_()
    result = module(x)
    assert result.shape == x.shape
    result.sum().backward()
    assert x.grad.shape == x.shape
    assert all(not p.grad.any() for p in module.parameters())


@KERNELS
def test_compiled_is_the_same(kernel):
    module = make(kernel=kernel).eval()
    compiled = torch.compile(module, backend='aot_eager', fullgraph=True)
    x = maps(2, 4, 5, 3)
    torch.testing.assert_close(compiled(x), module(x))
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), module(x))


@pytest.mark.parametrize(
    ('wrong', 'error', 'message'),
    [
        (torch.zeros(1, 4, 5, 3, dtype=torch.complex64), TypeError, 'real floating-point'),
        (torch.zeros(1, 4, 5, 3, dtype=torch.int64), TypeError, 'real floating-point'),
        (torch.zeros(4, 5, 3), ValueError, r'shape \(B, H, W, 3\), got \(4, 5, 3\)'),
        (torch.zeros(1, 3, 4, 5), ValueError, r'shape \(B, H, W, 3\), got \(1, 3, 4, 5\)'),
        (torch.zeros(1, 0, 5, 3), ValueError, 'H and W of at least 1'),
        (torch.zeros(1, 4, 0, 3), ValueError, 'H and W of at least 1'),
    ],
)
def test_what_is_no_map_is_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        make()(wrong)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(fft_axes='token'), r"unknown fft_axes 'token': choose one of \['tokens', 'grid'\]"),
        (dict(kernel='imaginary'), r"unknown kernel 'imaginary': choose one of \['complex', 'real"),
    ],
)
def test_unknown_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SASS(3, (4, 5), **options)


def test_a_true_convolution_whatever_the_size_and_gates_of_the_size_of_the_map():
    """The reason for NORMALISATION: white maps have spectra of their own scale at any size (so the
    gates see the same numbers), and a kernel keeps its gain when the map grows."""
    kernel = torch.zeros(1, 4, 4, 1)
    kernel[0, 1, 2] = 3.0  # a shift times 3
    for side in (4, 16, 64):
        x = torch.randn(1, side, side, 512)  # enough samples for a mean square near 1
        spectrum = fourier.half_spectrum(x, 'grid', NORMALISATION.maps)
        assert spectrum.abs().square().mean().item() == pytest.approx(1, rel=0.1)
        padded = torch.zeros(1, side, side, 1)
        padded[:, :4, :4] = kernel
        response = fourier.half_spectrum(padded, 'grid', NORMALISATION.kernels)
        y = from_half_spectrum(response * spectrum, (side, side), 'grid', NORMALISATION.maps)
        torch.testing.assert_close(y, 3 * x.roll((1, 2), (1, 2)), rtol=1e-4, atol=1e-4)
