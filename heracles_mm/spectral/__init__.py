"""Spectral mathematics on plain torch: transforms, learnable filters, their resampling."""

from heracles_mm.spectral.filters import SpectralFilter, check_kind
from heracles_mm.spectral.resample import resample_filter
from heracles_mm.spectral.transforms import dct2, dht2, idct2, reverse_frequencies

__all__ = [
    'SpectralFilter',
    'check_kind',
    'dct2',
    'dht2',
    'idct2',
    'resample_filter',
    'reverse_frequencies',
]
