"""The transforms are the mathematics they name, at any size, on either route."""

import numpy as np
import pytest
import scipy.fft
import torch
import torch_dct
from hypothesis import given, settings
from hypothesis import strategies as st

from heracles_mm.spectral import (
    dct2,
    dctn,
    dht2,
    dhtn,
    idct2,
    idctn,
    reverse_frequencies,
    transforms,
)

# Odd, even, prime, powers of two, 1, and both sides of where the routes change.
SIZES = [
    (1, 1), (1, 9), (13, 1), (2, 2), (3, 5), (7, 7), (8, 6), (14, 14), (17, 31), (28, 28),
    (33, 64), (56, 56), (64, 65), (65, 64), (96, 97), (101, 40), (127, 3), (128, 128), (200, 334),
    (256, 255), (320, 200), (1, 1031), (1031, 2), (1025, 1024),
]  # fmt: skip
INVERSES = [(dct2, idct2), (idct2, dct2), (dht2, dht2)]
ROUTES = {'matmul': 10**9, 'fft': 0}


def scipy_dct(x: torch.Tensor) -> np.ndarray:
    return scipy.fft.dctn(x.double().numpy(), type=2, norm='ortho', axes=(-2, -1))


def scipy_idct(x: torch.Tensor) -> np.ndarray:
    return scipy.fft.idctn(x.double().numpy(), type=2, norm='ortho', axes=(-2, -1))


def hartley(x: torch.Tensor) -> np.ndarray:
    spectrum = np.fft.fft2(x.double().numpy(), norm='ortho')
    return spectrum.real - spectrum.imag


ORACLES = [(dct2, scipy_dct), (idct2, scipy_idct), (dht2, hartley)]


def relative_error(result: torch.Tensor, expected: np.ndarray) -> float:
    difference = result.double().numpy() - expected
    return float(np.linalg.norm(difference) / np.linalg.norm(expected))


@pytest.fixture(params=ROUTES)
def route(request, monkeypatch):
    """Every size through the matrix product, or every size through the FFT."""
    for name in ('DCT_MATMUL_LIMIT', 'DHT_MATMUL_LIMIT'):
        monkeypatch.setattr(transforms, name, ROUTES[request.param])


@pytest.mark.parametrize(('dtype', 'tolerance'), [(torch.float32, 1e-5), (torch.float64, 1e-13)])
@pytest.mark.parametrize(('transform', 'oracle'), ORACLES)
@pytest.mark.parametrize('size', SIZES, ids=str)
def test_agrees_with_the_float64_oracle(size, transform, oracle, dtype, tolerance):
    x = torch.randn(2, *size, dtype=dtype)
    result = transform(x)
    assert result.dtype == dtype
    assert relative_error(result, oracle(x)) < tolerance


@pytest.mark.parametrize(('transform', 'oracle'), ORACLES)
@pytest.mark.parametrize('size', [(1, 1), (1, 9), (7, 7), (8, 6), (33, 64), (101, 40)], ids=str)
@pytest.mark.usefixtures('route')
def test_both_routes_compute_the_same_transform(size, transform, oracle):
    x = torch.randn(3, *size, dtype=torch.float64)
    assert relative_error(transform(x), oracle(x)) < 1e-13


def test_agrees_with_torch_dct():
    """A second oracle, so that a misread convention in the first would show."""
    x = torch.randn(2, 3, 28, 30, dtype=torch.float64)
    torch.testing.assert_close(dct2(x), torch_dct.dct_2d(x, norm='ortho'))
    torch.testing.assert_close(idct2(x), torch_dct.idct_2d(x, norm='ortho'))


@settings(max_examples=40)
@given(height=st.integers(1, 90), width=st.integers(1, 90), seed=st.integers(0, 2**31))
@pytest.mark.parametrize(('transform', 'inverse'), INVERSES)
def test_orthonormal(transform, inverse, height, width, seed):
    """An orthogonal map has its inverse for adjoint and keeps lengths (Parseval)."""
    random = torch.Generator().manual_seed(seed)
    x, y = torch.randn(2, height, width, dtype=torch.float64, generator=random)
    torch.testing.assert_close(inverse(transform(x)), x)
    torch.testing.assert_close(transform(x).square().sum(), x.square().sum())
    torch.testing.assert_close((transform(x) * y).sum(), (x * inverse(y)).sum())


@pytest.mark.parametrize('transform', [dct2, idct2, dht2])
@pytest.mark.parametrize('size', [(1, 1), (4, 6), (5, 3)], ids=str)
@pytest.mark.usefixtures('route')
def test_gradients_of_both_orders(transform, size):
    x = torch.randn(2, *size, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(transform, x)
    assert torch.autograd.gradgradcheck(transform, x)


@pytest.mark.parametrize('transform', [dct2, dht2])
def test_a_constant_map_has_only_the_zero_frequency(transform):
    """Every other basis function sums to zero; the zero one is 1 / sqrt(H W) everywhere."""
    spectrum = transform(torch.full((6, 9), 2.0, dtype=torch.float64))
    expected = torch.zeros(6, 9, dtype=torch.float64)
    expected[0, 0] = 2 * (6 * 9) ** 0.5
    torch.testing.assert_close(spectrum, expected)


def test_reversed_frequencies_are_the_spectrum_of_the_reversed_map():
    """Hartley: sum x(-n) cas(f n) = sum x(n) cas(-f n), indices modulo the size."""
    x = torch.randn(5, 8, dtype=torch.float64)
    torch.testing.assert_close(dht2(reverse_frequencies(x)), reverse_frequencies(dht2(x)))
    torch.testing.assert_close(reverse_frequencies(reverse_frequencies(x)), x)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('transform', [dct2, idct2, dht2])
def test_half_types_are_transformed_in_float32(transform, dtype):
    """Rounding happens once, at the end: equal to the float32 result rounded."""
    x = torch.randn(2, 12, 10).to(dtype)
    assert torch.equal(transform(x), transform(x.float()).to(dtype))


@pytest.mark.parametrize('transform', [dct2, idct2, dht2])
@pytest.mark.usefixtures('route')
def test_autocast_changes_nothing(transform):
    """Autocast would run the products in bfloat16, with errors of 1e-2."""
    x = torch.randn(2, 24, 20, requires_grad=True)
    expected = transform(x)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        result = transform(x)
    assert torch.equal(result, expected)


@pytest.mark.parametrize('transform', [dct2, idct2, dht2])
def test_layout_of_the_input_does_not_matter(transform):
    x = torch.randn(2, 6, 7, 5).permute(0, 3, 1, 2)  # channels last
    torch.testing.assert_close(transform(x), transform(x.contiguous()))


@pytest.mark.parametrize('transform', [dct2, idct2, dht2])
def test_compiled_is_the_same(transform):
    x = torch.randn(2, 12, 10)
    compiled = torch.compile(transform, backend='aot_eager', fullgraph=True)
    torch.testing.assert_close(compiled(x), transform(x))


@pytest.mark.parametrize('transform', [dct2, idct2, dht2])
@pytest.mark.parametrize(
    ('wrong', 'error', 'message'),
    [
        (torch.zeros(4, 4, dtype=torch.int64), TypeError, 'floating-point'),
        (torch.zeros(4, 4, dtype=torch.complex64), TypeError, 'floating-point'),
        ([[1.0]], TypeError, 'floating-point tensor, got list'),
        (torch.zeros(4), ValueError, 'at least 2 dimensions'),
        (torch.zeros(3, 0, 4), ValueError, 'at least 1'),
    ],
)
def test_what_has_no_transform_is_refused(transform, wrong, error, message):
    with pytest.raises(error, match=message):
        transform(wrong)


def test_an_empty_batch_stays_empty():
    assert dct2(torch.zeros(0, 3, 4)).shape == dht2(torch.zeros(0, 3, 4)).shape == (0, 3, 4)


@pytest.mark.parametrize('transform', [dct2, idct2, dht2])
@pytest.mark.parametrize('size', [(6, 9), (1, 5), (70, 4), (3, 1030)], ids=str)
def test_the_axes_may_stand_before_the_channels(transform, size):
    """On both routes of each axis."""
    x = torch.randn(2, *size, 3, dtype=torch.float64)
    expected = transform(x.movedim(-1, 1)).movedim(1, -1)
    torch.testing.assert_close(transform(x, (-3, -2)), expected)


def test_too_few_axes_before_the_channels_are_refused():
    with pytest.raises(ValueError, match=r'at least 3 dimensions \(\.\.\., H, W, C\)'):
        dct2(torch.zeros(4, 5), (-3, -2))


@pytest.mark.parametrize(
    ('transform', 'oracle'), [(dctn, scipy_dct), (idctn, scipy_idct), (dhtn, hartley)]
)
@pytest.mark.parametrize('length', [1, 2, 7, 12, 42, 65, 1031])
@pytest.mark.usefixtures('route')
def test_over_one_axis_a_series_is_a_map_of_one_row(transform, oracle, length):
    """The transform of a row of one number is that number, so both are the same mathematics."""
    x = torch.randn(3, length, dtype=torch.float64)
    expected = oracle(x[:, None])[:, 0]
    assert relative_error(transform(x, (-1,)), expected) < 1e-13
    assert relative_error(transform(x.mT[None], (-2,))[0].mT, expected) < 1e-13


def test_the_frequencies_of_a_series_are_negated_alike():
    x = torch.randn(3, 8, dtype=torch.float64)
    axes = (-1,)
    torch.testing.assert_close(
        dhtn(reverse_frequencies(x, axes), axes), reverse_frequencies(dhtn(x, axes), axes)
    )


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        (torch.zeros(4), r'at least 2 dimensions \(\.\.\., T, C\)'),
        (torch.zeros(2, 0, 4), 'expected T of at least 1'),
    ],
)
def test_what_is_no_series_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        dctn(wrong, (-2,))
