"""Spectral mathematics on plain torch: transforms, learnable filters, their resampling."""

from heracles_mm.spectral.filters import SpectralFilter
from heracles_mm.spectral.resample import resample_filter
from heracles_mm.spectral.transforms import dct2, dht2, idct2, reverse_frequencies

__all__ = [
    'SpectralFilter',
    'dct2',
    'dht2',
    'idct2',
    'resample_filter',
    'reverse_frequencies',
]
