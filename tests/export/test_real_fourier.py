"""The transform that is exported is torch.fft, to float64's rounding, on any grid."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from heracles_mm.export.real_fourier import RealFourier
from heracles_mm.spectral.fourier import FFT_AXES, from_half_spectrum, half_spectrum

grids = st.tuples(st.integers(1, 20), st.integers(1, 20))


@settings(max_examples=40)
@given(grid=grids, fft_axes=st.sampled_from(FFT_AXES), batch=st.integers(1, 2))
def test_there_and_back_as_torch_fft(grid, fft_axes, batch):
    """Also from spectra that are no map's: the imaginary part of a bin that is its own mirror has
    no effect in either."""
    fourier = RealFourier(grid, fft_axes, torch.float64)
    x = torch.randn(batch, *grid, 3, dtype=torch.float64)
    expected = half_spectrum(x, fft_axes, 'ortho')
    real, imaginary = fourier.spectrum(x)
    bins = expected.flatten(1, -2)
    torch.testing.assert_close(torch.complex(real, imaginary), bins, rtol=0, atol=1e-12)
    z = torch.randn_like(expected)
    back = from_half_spectrum(z, grid, fft_axes, 'ortho')
    bins = z.flatten(1, -2)
    torch.testing.assert_close(fourier.inverse(bins.real, bins.imag), back, rtol=0, atol=1e-12)


@pytest.mark.parametrize('fft_axes', FFT_AXES)
def test_a_large_map_keeps_its_accuracy_and_needs_no_large_table(fft_axes):
    """128x128 tokens, the first stage at 512 px: a whole DFT matrix would hold 16384 x 8193."""
    grid = (128, 128)
    x = torch.randn(1, *grid, 2, dtype=torch.float64)
    expected = half_spectrum(x, fft_axes, 'ortho').flatten(1, -2)
    found = torch.complex(*RealFourier(grid, fft_axes, torch.float64).spectrum(x))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    single = RealFourier(grid, fft_axes, torch.float32)
    found = torch.complex(*single.spectrum(x.float()))
    error = (found - expected).abs().square().mean().sqrt() / expected.abs().square().mean().sqrt()
    assert error < 1e-6
    assert sum(table.numel() for table in single.buffers()) < 15 * 128**2
