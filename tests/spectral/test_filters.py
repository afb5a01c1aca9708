"""Learnable filters: what they compute, where they keep precision, what they load."""

import logging

import numpy as np
import pytest
import torch

from heracles_mm.spectral import SpectralFilter, dct2, dht2, idct2

KINDS = [('cosine', 'gate'), ('hartley', 'gate'), ('hartley', 'convolution')]


def make(transform, product, channels=3, grid=(8, 10), double=True):
    module = SpectralFilter(channels, grid, transform, product)
    return module.double() if double else module


@pytest.mark.parametrize('kind', KINDS, ids=str)
@pytest.mark.parametrize('size', [(8, 10), (5, 7), (1, 40)], ids=str)
def test_a_filter_of_ones_is_the_identity(kind, size):
    """Transform and inverse cancel; a resampled constant is constant, so at any size."""
    module = make(*kind)
    torch.nn.init.ones_(module.weight)
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    torch.testing.assert_close(module(x), x)


@pytest.mark.parametrize('kind', KINDS, ids=str)
@pytest.mark.parametrize('size', [(8, 10), (5, 7), (1, 40), (70, 3)], ids=str)
def test_maps_with_the_channels_last_are_the_same_maps(kind, size):
    """Also a half of the channels of a wider map, which lies in pieces; (70, 3) takes the FFT."""
    module = make(*kind)
    x = torch.randn(2, *size, 6, dtype=torch.float64)[..., 3:]
    expected = module(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(module(x, channels_last=True), expected)


@pytest.mark.parametrize(
    ('transform', 'forward', 'inverse'), [('cosine', dct2, idct2), ('hartley', dht2, dht2)]
)
def test_the_gate_multiplies_each_frequency(transform, forward, inverse):
    module = make(transform, 'gate')
    x = torch.randn(2, 3, 8, 10, dtype=torch.float64)
    torch.testing.assert_close(module(x), inverse(forward(x) * module.weight))


def test_the_hartley_convolution_is_the_circular_convolution_with_its_kernel():
    """H_y(f) = H_x(f) Ke(f) + H_x(-f) Ko(f) against numpy's complex FFT, for a kernel that is
    neither even nor odd."""
    kernel = np.random.default_rng(0).standard_normal((3, 8, 10))
    spectrum = np.fft.fft2(kernel)
    module = make('hartley', 'convolution')
    module.weight.data = torch.from_numpy(spectrum.real - spectrum.imag)
    x = torch.randn(2, 3, 8, 10, dtype=torch.float64)
    expected = np.fft.ifft2(np.fft.fft2(x.numpy()) * spectrum).real
    torch.testing.assert_close(module(x), torch.from_numpy(expected))


def test_the_hartley_convolution_commutes_with_circular_shifts():
    module = make('hartley', 'convolution')
    x = torch.randn(2, 3, 8, 10, dtype=torch.float64)
    shifted = module(x.roll((3, 4), (2, 3)))
    torch.testing.assert_close(shifted, module(x).roll((3, 4), (2, 3)))


def test_the_hartley_gate_is_a_convolution_for_even_weights_only():
    """The odd part of the weight multiplies the spectrum of the *reversed* map."""
    x = torch.randn(2, 3, 8, 10, dtype=torch.float64)
    gate, convolution = make('hartley', 'gate'), make('hartley', 'convolution')
    convolution.weight = gate.weight
    assert not torch.allclose(gate(x), convolution(x))
    even = dht2(x[0]).square()  # any positive weight,
    even = even + even.flip(-2, -1).roll((1, 1), (-2, -1))  # made even
    gate.weight.data.copy_(even)
    torch.testing.assert_close(gate(x), convolution(x))


@pytest.mark.parametrize('kind', KINDS, ids=str)
def test_gradients_reach_input_and_weight(kind):
    module = make(*kind, channels=2, grid=(3, 4))
    for size in ((3, 4), (5, 2)):
        x = torch.randn(1, 2, *size, dtype=torch.float64, requires_grad=True)
        inputs = (x, module.weight)
        assert torch.autograd.gradcheck(lambda x, _: module(x), inputs)


@pytest.mark.parametrize('kind', KINDS, ids=str)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_computes_in_float32_and_returns_the_callers_dtype(kind, dtype):
    module = make(*kind, double=False)
    torch.nn.init.normal_(module.weight)
    x = torch.randn(2, 3, 8, 10).to(dtype)
    expected = module(x.float())
    with torch.autocast('cpu', dtype=dtype):
        result = module(x)
    assert result.dtype == dtype
    assert torch.equal(result, expected.to(dtype))


def test_sums_that_overflow_float16_do_not_overflow_here():
    """The zero frequency of a map of 1000s on 64x64 is 64000 * ..., beyond float16's 65504."""
    module = make('cosine', 'gate', channels=1, grid=(80, 80), double=False).half()
    torch.nn.init.ones_(module.weight)
    x = torch.full((1, 1, 80, 80), 1000.0, dtype=torch.float16)
    torch.testing.assert_close(module(x), x)


@pytest.mark.parametrize('kind', KINDS, ids=str)
def test_a_stored_filter_of_another_grid_is_resampled_on_load(kind, caplog):
    """Loading and running at the new size equals running the old filter at the new size."""
    old, new = make(*kind, grid=(8, 10)), make(*kind, grid=(12, 6))
    with caplog.at_level(logging.INFO):
        new.load_state_dict(old.state_dict())
    assert 'weight: resampled from (8, 10) to (12, 6)' in caplog.text
    x = torch.randn(2, 3, 12, 6, dtype=torch.float64)
    torch.testing.assert_close(new(x), old(x))


def test_a_stored_filter_of_the_same_grid_is_loaded_as_it_is(caplog):
    old, new = make('cosine', 'gate'), make('cosine', 'gate')
    with caplog.at_level(logging.INFO):
        new.load_state_dict(old.state_dict())
    assert torch.equal(new.weight, old.weight)
    assert not caplog.text


@pytest.mark.parametrize('strict', [True, False])
@pytest.mark.parametrize(
    ('weight', 'message'),
    [
        (torch.full((3, 8, 10), float('nan')), 'holds NaN or infinity'),
        (torch.full((3, 4, 4), float('inf')), 'holds NaN or infinity'),
        (torch.zeros(4, 8, 10), r'shape \(4, 8, 10\), this filter takes \(3, H, W\)'),
        (torch.zeros(3, 8), r'shape \(3, 8\), this filter takes \(3, H, W\)'),
        (torch.zeros(3, 0, 4), r'shape \(3, 0, 4\), this filter takes \(3, H, W\)'),
        (torch.zeros(3, 8, 10, dtype=torch.complex64), 'real floating-point'),
        (torch.zeros(3, 8, 10, dtype=torch.int64), 'real floating-point'),
    ],
)
def test_a_stored_filter_that_cannot_be_used_is_refused(weight, message, strict):
    module = make('cosine', 'gate')
    before = module.weight.detach().clone()
    with pytest.raises((ValueError, RuntimeError), match=message):  # torch's own, of shapes
        module.load_state_dict({'weight': weight}, strict=strict)
    assert torch.equal(module.weight, before)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(transform='sine'), r"unknown transform 'sine': choose one of \['cosine'"),
        (dict(transform='hartley', product='dot'), "unknown product 'dot'"),
        (dict(product='convolution'), "needs transform='hartley'"),
    ],
)
def test_unknown_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SpectralFilter(2, (4, 4), **options)


@pytest.mark.parametrize('kind', KINDS, ids=str)
@pytest.mark.parametrize('length', [10, 7, 40])
def test_a_filter_of_series_is_that_of_maps_of_one_row(kind, length):
    """With the same weights, at their own length and at others."""
    series, maps = make(*kind, grid=(10,)), make(*kind, grid=(1, 10))
    maps.weight.data = series.weight.data[:, None]
    x = torch.randn(2, 3, length, dtype=torch.float64)
    expected = maps(x[:, :, None])[:, :, 0]
    torch.testing.assert_close(series(x), expected)
    torch.testing.assert_close(series(x.mT, channels_last=True), expected.mT)


def test_a_stored_filter_of_series_is_resampled_on_load_and_one_of_maps_refused():
    old, new = make('cosine', 'gate', grid=(12,)), make('cosine', 'gate', grid=(42,))
    new.load_state_dict(old.state_dict())
    x = torch.randn(2, 3, 42, dtype=torch.float64)
    torch.testing.assert_close(new(x), old(x))
    with pytest.raises(RuntimeError, match=r'this filter takes \(3, T\) with any T'):
        new.load_state_dict(make('cosine', 'gate').state_dict())


@pytest.mark.parametrize('kind', KINDS, ids=str)
@pytest.mark.filterwarnings('ignore::torch.jit.TracerWarning')
def test_a_trace_of_a_filter_of_series_refuses_another_length(kind):
    traced = torch.jit.trace(make(*kind, grid=(10,)), torch.randn(1, 3, 10, dtype=torch.float64))
    with pytest.raises(Exception, match='tables of maps of 10 positions and got 12'):
        traced(torch.randn(1, 3, 12, dtype=torch.float64))
