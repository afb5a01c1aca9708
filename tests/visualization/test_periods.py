"""A wave over the tokens of a series is drawn at its own period."""

import numpy as np
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


@pytest.mark.parametrize(
    ('step', 'look_back', 'unit', 'marks'),
    [
        (None, 96, 'rows', []),
        (np.timedelta64(3600, 's'), 96, 'hours', ['a day', 'a week']),
        (np.timedelta64(900, 's'), 96, 'hours', ['a day']),
        (np.timedelta64(86400, 's'), 28, 'days', ['a week']),
        (np.timedelta64(7 * 86400, 's'), 104, 'days', ['a year']),
        (np.timedelta64(1, 'M'), 24, 'months', ['a year']),
    ],
)
def test_what_lies_in_the_periods_is_marked_in_their_unit(step, look_back, unit, marks):
    figure = plot_periods(HeraclesSeries(look_back, patch=4, stride=2, spectral_layers=1), step)
    assert figure.axes[-1].get_xlabel() == f'period, {unit}'
    assert [text.get_text() for text in figure.axes[0].texts] == marks


def test_a_mark_at_the_end_of_the_periods_is_drawn():
    """The longest of a cosine filter over T tokens is 2 T of them, here a day in float32."""
    backbone = HeraclesSeries(11, patch=1, stride=1, spectral_layers=1)
    (text,) = plot_periods(backbone, np.timedelta64(3600, 's')).axes[0].texts
    assert (text.get_text(), backbone.tokens) == ('a day', 12)


def test_a_model_without_filters_has_nothing_to_show():
    with pytest.raises(UsageError, match='has neither filters nor kernels to show'):
        plot_periods(HeraclesSeries(32, spectral_layers=0), None)
