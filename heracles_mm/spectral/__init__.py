"""Spectral mathematics on plain torch: transforms, filters, kernels, gates, resampling."""

from heracles_mm.spectral.filters import SpectralFilter, check_kind
from heracles_mm.spectral.fourier import check_fft_axes
from heracles_mm.spectral.gating import SAGU, SpectralPulseNet
from heracles_mm.spectral.kernels import TokenKernel, check_kernel
from heracles_mm.spectral.resample import resample_filter, resample_kernel
from heracles_mm.spectral.sass import SASS
from heracles_mm.spectral.transforms import (
    dct2,
    dctn,
    dht2,
    dhtn,
    idct2,
    idctn,
    reverse_frequencies,
)

__all__ = [
    'SAGU',
    'SASS',
    'SpectralFilter',
    'SpectralPulseNet',
    'TokenKernel',
    'check_fft_axes',
    'check_kernel',
    'check_kind',
    'dct2',
    'dctn',
    'dht2',
    'dhtn',
    'idct2',
    'idctn',
    'resample_filter',
    'resample_kernel',
    'reverse_frequencies',
]
