"""Planes of frequencies hold each bin where a wave of that frequency would put it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('matplotlib', reason='pictures need matplotlib, which comes with mmdet')

from heracles_mm.spectral import SpectralFilter, TokenKernel
from heracles_mm.visualization.frequencies import frequency_plane, response
from heracles_mm.visualization.receptive_field import side_of

sides = st.integers(1, 9)


@given(sides, sides)
def test_a_plane_over_the_grid_is_the_centred_2d_transform(height, width):
    """Against the full complex transform, for a kernel that is not real."""
    kernel = TokenKernel(3, (height, width), 'grid')
    psi = kernel.weight.detach()
    full = torch.fft.fft2(torch.complex(psi[0], psi[1])).abs()
    assert torch.allclose(response(kernel), torch.fft.fftshift(full, dim=(1, 2)), atol=1e-5)


@given(sides, sides, st.data())
def test_a_wave_over_tokens_is_where_its_turns_are(height, width, data):
    """A wave of whole turns along the tokens has its one bin at the vertical frequency that its
    columns show, and within a column of the horizontal frequency that its rows show."""
    turns = data.draw(st.integers(0, height * width - 1))
    spectrum = torch.zeros(height * width)
    spectrum[turns] = 1
    bins = torch.arange(height * width // 2 + 1)
    plane = frequency_plane(
        spectrum[bins, None], spectrum[-bins % (height * width), None], (height, width), 'tokens'
    )[0]
    ((row, column),) = plane.nonzero().tolist()
    vertical, horizontal = row - height // 2, column - width // 2
    assert (turns - vertical) % height == 0
    off = (turns / (height * width) - horizontal / width) % 1
    assert -1e-9 <= off < 1 / width


def test_a_cosine_filter_is_shown_as_it_is_stored():
    layer = SpectralFilter(4, (5, 6))
    assert torch.equal(response(layer), layer.weight.detach())
    hartley = SpectralFilter(4, (5, 6), 'hartley')
    assert torch.equal(response(hartley)[:, 2, 3], hartley.weight.detach()[:, 0, 0])


@given(st.integers(0, 7))
def test_the_side_of_a_field_is_that_of_the_square_that_holds_it(reach):
    field = np.zeros((17, 21))
    field[8 - reach : 9 + reach, 10 - reach : 11 + reach] = 1
    assert side_of(field, share=1) == 2 * reach + 1
