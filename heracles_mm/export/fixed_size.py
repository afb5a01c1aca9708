"""The spectral layers for maps of one size, whose tables, filters and kernels are constants.

What depends on the size of the map alone is computed once, here; what is left is matrix products
and elementwise arithmetic of real tensors, which every exporter and runtime has.
"""

from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor, nn

from heracles_mm.export.real_fourier import Fourier, RealFourier, along_height
from heracles_mm.spectral import (
    SAGU,
    SASS,
    SpectralFilter,
    SpectralPulseNet,
    resample_filter,
    reverse_frequencies,
    tables,
)
from heracles_mm.spectral.sass import flat_planes, mix_bins

Grid = tuple[int, ...]


class FilterTables(NamedTuple):
    """What a filter is on one grid.

    A transform is a sum of products with a matrix along H and one along W: of one such term for the
    cosine transform, and for Hartley's of two, cas(a + b) = cos a cas b + sin a cas(-b). True
    convolution has a second weight, of the reversed frequencies: cas(-a - b) = cos a cas(-b) -
    sin a cas b.

    Args:
        rows, columns: (1 or 2, H, H) and (1 or 2, W, W).
        weight: (H, W, C).
        reverse_columns, odd: (2, W, W) and (H, W, C), or None without convolution.
    """

    rows: Tensor
    columns: Tensor
    weight: Tensor
    reverse_columns: Tensor | None
    odd: Tensor | None


def filtered(x: Tensor, tables: FilterTables) -> Tensor:
    """Maps (B, H, W, C) through a filter."""
    y = _transformed(x, tables.rows, tables.columns) * tables.weight
    if tables.reverse_columns is not None and tables.odd is not None:
        y = y + _transformed(x, tables.rows, tables.reverse_columns) * tables.odd
    return _transformed(y, tables.rows.mT, tables.columns.mT)


def _transformed(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    terms = zip(rows.unbind(), columns.unbind(), strict=True)
    return reduce(torch.add, (along_height(r, c @ x) for r, c in terms))


class FixedFilter(nn.Module):
    """A :class:`~heracles_mm.spectral.SpectralFilter` for maps (B, H, W, C) of one grid, or for
    series (B, T, C), which are maps of one row, where a transform along H changes nothing."""

    def __init__(self, layer: SpectralFilter, grid: Grid, dtype: torch.dtype) -> None:
        super().__init__()
        height, width = (1, *grid)[-2:]
        self.dtype = dtype
        weight = layer.weight.detach().to(dtype)
        weight = resample_filter(weight, grid, periodic=layer.transform == 'hartley')
        weight = weight.reshape(-1, height, width).permute(1, 2, 0).contiguous()  # (H, W, C)

        def buffer(*matrices: Tensor) -> nn.Buffer:
            return nn.Buffer(torch.stack(matrices).to(dtype))

        if layer.transform == 'cosine':
            self.rows = buffer(tables.dct_matrix(height))
            self.columns = buffer(tables.dct_matrix(width))
        else:
            self.rows = buffer(tables.cos_matrix(height), tables.sin_matrix(height))
            plus, minus = tables.cas_matrix(width), tables.cas_reversed_matrix(width)
            self.columns = buffer(plus, minus)
        if layer.product == 'convolution':
            reverse = reverse_frequencies(weight, (-3, -2))
            self.odd: Tensor | None = nn.Buffer((weight - reverse) / 2)
            self.reverse_columns: Tensor | None = buffer(minus, -plus)
            weight = (weight + reverse) / 2
        else:
            self.odd = self.reverse_columns = None
        self.weight = nn.Buffer(weight)

    def forward(self, x: Tensor, channels_last: bool) -> Tensor:
        assert channels_last, 'the mixers transform maps (B, H, W, C)'
        is_series = x.dim() == 3
        maps = (x.unsqueeze(1) if is_series else x).to(self.dtype)
        constants = self.rows, self.columns, self.weight, self.reverse_columns, self.odd
        y = filtered(maps, FilterTables(*constants)).to(x.dtype)
        return y.squeeze(1) if is_series else y


class FixedSASS(nn.Module):
    """A :class:`~heracles_mm.spectral.SASS` for maps (B, H, W, C) of one grid."""

    def __init__(self, layer: SASS, grid: tuple[int, int], dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype, self.pulse, self.sagu = dtype, layer.pulse, layer.sagu
        self.fourier = RealFourier(grid, layer.fft_axes, dtype)
        real, imaginary, magnitude = map(nn.Buffer, flat_planes(layer.kernel(grid, dtype)))
        self.kernel_real, self.kernel_imaginary, self.kernel_magnitude = real, imaginary, magnitude

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.kernel_real, self.kernel_imaginary, self.kernel_magnitude
        return mixed(x.to(self.dtype), self.fourier, self.pulse, self.sagu, *kernel).to(x.dtype)


def mixed(
    x: Tensor, fourier: Fourier, pulse: SpectralPulseNet, sagu: SAGU, *kernel: Tensor
) -> Tensor:
    """Maps (B, H, W, C) through HAMSA's mixing, with the planes of a kernel's spectrum."""
    real, imaginary = fourier.spectrum(x)
    strength = magnitude(real, imaginary)
    return fourier.inverse(*mix_bins(pulse, sagu, real, imaginary, strength, *kernel))


def magnitude(real: Tensor, imaginary: Tensor) -> Tensor:
    """|z|, without the function of Python that eager mode has for its gradient."""
    return (real.square() + imaginary.square()).sqrt()
