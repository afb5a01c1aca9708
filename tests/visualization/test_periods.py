"""A wave over the tokens of a series is drawn at its own period."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('matplotlib', reason='pictures need matplotlib, which comes with mmdet')

from heracles_mm.errors import UsageError
from heracles_mm.forecasting import HeraclesSeries
from heracles_mm.spectral import SpectralFilter, TokenKernel
from heracles_mm.visualization.periods import plot_periods, token_response

lengths = st.integers(2, 20)


@given(lengths, st.data())
def test_a_bin_of_a_filter_passes_the_wave_of_its_frequency(length, data):
    """With one bin's weight alone, a wave of that bin's turns comes through."""
    transform = data.draw(st.sampled_from(['cosine', 'hartley']))
    layer = SpectralFilter(1, (length,), transform).double()
    turns, size = token_response(layer)
    assert len(turns) == size.shape[1]
    index = data.draw(st.integers(0, len(turns) - 1))
    place = torch.arange(length, dtype=torch.float64)
    half = 0.5 if transform == 'cosine' else 0.0  # its waves turn at the middle of a token
    wave = torch.cos(2 * torch.pi * turns[index].double() * (place + half))[None, None]
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[:, index] = 1
        layer.weight[:, -index % length if transform == 'hartley' else index] = 1
        torch.testing.assert_close(layer(wave), wave, atol=1e-5, rtol=0)
    assert token_response(layer)[1][0].nonzero().tolist() == [[index]]


@given(lengths)
def test_the_size_of_a_kernel_is_that_of_its_spectrum_at_a_frequency_and_its_negative(length):
    kernel = TokenKernel(2, (1, length))
    turns, size = token_response(kernel)
    psi = torch.complex(*kernel.weight.detach()[:, :, 0])
    full = torch.fft.fft(psi).abs().square()
    bins = (turns * length).round().long()
    expected = ((full[:, bins] + full[:, -bins % length]) / 2).sqrt()
    torch.testing.assert_close(size, expected, atol=1e-5, rtol=1e-4)


def test_a_model_without_filters_has_nothing_to_show():
    with pytest.raises(UsageError, match='has neither filters nor kernels to show'):
        plot_periods(HeraclesSeries(32, spectral_layers=0), None)
