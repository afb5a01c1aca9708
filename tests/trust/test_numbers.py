"""Whatever a picture is, its maps and gradients are numbers, and the same ones again."""

import itertools
import math
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import pytest
import torch
from torch import nn

from heracles_mm import Hamsa, Heracles
from heracles_mm.spectral import SASS, SpectralFilter

VARIANTS = {
    'heracles-cosine': (Heracles, dict(transform='cosine')),
    'heracles-hartley': (Heracles, dict(transform='hartley')),
    'hamsa-complex': (Hamsa, dict(kernel='complex')),
    'hamsa-real': (Hamsa, dict(kernel='real')),
}
SIZES = [(1, 1), (1, 2), (7, 31), (1, 4096), (4096, 1), (33, 2047), (127, 131)]
MORE_SIZES = [(2047, 33), (1, 8191), (509, 3), (521, 523), (2, 4093), (37, 4099), (1021, 61)]
MAGNITUDES = [0, 1e-45, 1e-38, 1e-20, 1e4, 1e8, 1e17]

pytestmark = pytest.mark.trust


def build(variant, arch='nano', **options):
    """The named backbone, the same fresh one at every call."""
    backbone, chosen = VARIANTS[variant]
    torch.manual_seed(0)
    return backbone(arch, **{'img_size': 64, 'drop_path_rate': 0, **chosen, **options})


@pytest.fixture(params=VARIANTS)
def variant(request):
    return request.param


def pictures(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def gradients(backbone, x):
    """(maps, gradients of all parameters and of the pictures) of the maps' mean squares."""
    backbone.zero_grad()
    x = x.detach().requires_grad_()
    maps = backbone(x)
    sum(m.float().square().mean() for m in maps).backward()
    return [m.detach() for m in maps], [p.grad.clone() for p in (*backbone.parameters(), x)]


def finite(tensors):
    return all(bool(t.isfinite().all()) for t in tensors)


def distance(a, b):
    """Norm of the difference of two lists of tensors, relative to that of the second."""
    a, b = (torch.cat([t.double().flatten() for t in tensors]) for tensors in (a, b))
    return ((a - b).norm() / b.norm()).item()


def test_any_size_trains(variant, trust_scale, trust_report):
    """Lines, primes and single pixels: every stage rounds up, and no table needs a good length."""
    backbone = build(variant).train()
    sizes = SIZES + (MORE_SIZES if trust_scale > 1 else [])
    for height, width in sizes:
        maps, slopes = gradients(backbone, pictures(2, 3, height, width))
        assert finite(maps) and finite(slopes), (height, width)
        sides = [(math.ceil(height / s), math.ceil(width / s)) for s in backbone.strides]
        assert [m.shape[2:] for m in maps] == sides
    names = ', '.join(f'{h}x{w}' for h, w in sizes)
    trust_report(f'numbers: {variant} finite forward and backward at {names} px')


def test_one_pixel_alone_is_told_to_be_too_few_in_training_only(variant):
    """A BatchNorm has no variance of one value; fixed statistics need none."""
    assert finite(build(variant).eval()(pictures(1, 3, 1, 1)))
    assert finite(build(variant, norm_eval=True).train()(pictures(1, 3, 1, 1)))
    with pytest.raises(ValueError, match='more than 1 value per channel when training'):
        build(variant).train()(pictures(1, 3, 1, 1))


@pytest.mark.parametrize('mode', ['eval', 'train'])
def test_any_magnitude_is_finite(variant, mode, trust_report):
    """Black, denormal and enormous pictures: a norm stands behind every sum that grows with them.

    The bound is that of any variance in float32, whose range ends at 3e38: of values past 1e18 it
    is infinite.
    """
    x = pictures(2, 3, 48, 32).clamp(-1, 1)
    for magnitude in MAGNITUDES:
        backbone = build(variant).train(mode == 'train')
        maps, slopes = gradients(backbone, x * magnitude)
        assert finite([*maps, *slopes, *backbone.buffers()]), magnitude
    trust_report(
        f'numbers: {variant}.{mode}() finite for black pictures and magnitudes of '
        f'{MAGNITUDES[1]:g} to {MAGNITUDES[-1]:g}'
    )


def test_a_brighter_picture_trains_alike(variant):
    """The stem's BatchNorm divides by the scale, so a huge one must change nothing."""
    x = pictures(2, 3, 64, 48)
    expected = build(variant).train()(x * 1e2)
    for magnitude in (1e4, 1e8, 1e15):
        assert distance(build(variant).train()(x * magnitude), expected) < 1e-4, magnitude


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=['float16', 'bfloat16'])
@pytest.mark.parametrize('way', ['autocast', 'cast'])
def test_half_types(variant, dtype, way, trust_scale, trust_report):
    """Autocast and a cast model stay within a few units of their type's precision of float32, on
    pictures that were normalised, that were not (0 to 255, and 1e4), and on a black one."""
    x = pictures(4, 3, 48, 32).clamp(-3, 3)
    x = torch.stack([x[0], x[1].sigmoid() * 255, x[2] * 1e4, x[3] * 0])
    for arch in ('nano', 's') if trust_scale > 1 else ('nano',):
        backbone = build(variant, arch, norm_eval=True).train()
        expected, _ = gradients(backbone, x)
        if way == 'cast':
            backbone, x = backbone.to(dtype), x.to(dtype)
        with torch.autocast('cpu', dtype=dtype, enabled=way == 'autocast'):
            maps, slopes = gradients(backbone, x)
        assert finite(maps) and finite(slopes)
        error = distance(maps, expected)
        assert error < 8 * torch.finfo(dtype).eps, error
        trust_report(f'numbers: {variant} {arch} {way} {dtype} finite, {error:.1e} from float32')
        x = x.float()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=['float16', 'bfloat16'])
@pytest.mark.parametrize(
    'make',
    [
        partial(SpectralFilter, transform='cosine'),
        partial(SpectralFilter, transform='hartley'),
        partial(SASS, kernel='complex'),
        partial(SASS, kernel='real'),
    ],
    ids=VARIANTS,
)
def test_a_spectrum_out_of_a_half_types_range(make, dtype):
    """The zero frequency of a constant map of H W positions is its value times sqrt(H W): 256 times
    1000 is infinite in float16, so spectra are not in half types. Against the layer in float64 of
    the same rounded weights: rounding a weight alone turns a gate, whose argument is a sum of
    thousands that may cancel."""
    layer = make(8, (16, 16))
    shape = (2, 8, 256, 256) if isinstance(layer, SpectralFilter) else (2, 256, 256, 8)
    x = torch.full(shape, 1000.0, dtype=dtype)
    got = layer.to(dtype)(x)
    expected = layer.double()(x.double())
    assert got.dtype == dtype and finite([got])
    assert distance([got], [expected]) < torch.finfo(dtype).eps


def test_deterministic_to_the_bit(variant):
    """Two steps of the same model on the same pictures, under torch's own watch: an operation that
    torch knows not to be deterministic raises there."""
    x = pictures(2, 3, 96, 80)
    torch.use_deterministic_algorithms(True)
    try:
        first, second = (gradients(build(variant, drop_path_rate=0.2).train(), x) for _ in range(2))
    finally:
        torch.use_deterministic_algorithms(False)
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def on_threads(threads, variant, arch, size):
    """What one and two threads are compared in."""
    torch.set_num_threads(threads)
    x = pictures(2, 3, *size)
    with torch.no_grad():
        maps = build(variant, arch).eval()(x)
    fixed = gradients(build(variant, arch, norm_eval=True).train(), x)
    live, slopes = gradients(build(variant, arch).train(), x)
    return maps, *fixed, slopes, [sum(m.square().mean() for m in live)], live


@pytest.fixture(scope='module')
def patient():
    """A process whose threads sleep while they wait: on a busy machine threads that spin take
    minutes for what takes a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('OMP_WAIT_POLICY', 'PASSIVE')
        with ProcessPoolExecutor(1, mp_context=get_context('spawn')) as pool:
            yield pool


def test_one_and_two_threads(variant, patient, trust_scale, trust_report):
    """The number of threads only reorders sums.

    torch's BatchNorm sums a batch's statistics thread by thread in float32, which alone moves the
    maps by more than 1e-6, so they are compared with fixed statistics, and the loss with live ones.
    """
    archs, sizes = ['nano'], [(33, 65)]
    if trust_scale > 1:
        archs, sizes = ['nano', 's'], [(64, 64), (33, 251)]
    for arch, size in itertools.product(archs, sizes):
        one, two = (patient.submit(on_threads, n, variant, arch, size).result() for n in (1, 2))
        *errors, live = (distance(a, b) for a, b in zip(one, two, strict=True))
        assert max(errors) < 1e-6, errors
        assert live < 4e-6, live
        trust_report(
            f'numbers: {variant} {arch} {size[0]}x{size[1]} px on 1 and 2 threads: '
            f'{max(errors):.1e} apart, maps with live statistics {live:.1e}'
        )


def test_batchnorm_is_the_only_layer_with_statistics():
    """What the test of threads relies on: nothing else sums over a batch."""
    for backbone, variant in VARIANTS.values():
        model = backbone('nano', **variant)
        norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        assert len(list(model.buffers())) == 3 * len(norms)
