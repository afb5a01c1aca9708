"""The spectral layers for maps of one size, whose tables, filters and kernels are constants.

What depends on the size of the map alone is computed once, here; what is left is matrix products
and elementwise arithmetic of real tensors, which every exporter and runtime has.
"""

import torch
from torch import Tensor, nn

from heracles_mm.export.real_fourier import RealFourier, along_height, along_width
from heracles_mm.spectral import SASS, SpectralFilter, resample_filter, reverse_frequencies
from heracles_mm.spectral.sass import flat_planes, mix_bins
from heracles_mm.spectral.tables import (
    cas_matrix,
    cas_reversed_matrix,
    cos_matrix,
    dct_matrix,
    sin_matrix,
)

Grid = tuple[int, int]

KERNEL = ('kernel_real', 'kernel_imaginary', 'kernel_magnitude')


class FixedFilter(nn.Module):
    """A :class:`~heracles_mm.spectral.SpectralFilter` for maps (B, H, W, C) of one grid."""

    weight: Tensor

    def __init__(self, layer: SpectralFilter, grid: Grid, dtype: torch.dtype) -> None:
        super().__init__()
        weight = layer.weight.detach().to(dtype)
        weight = resample_filter(weight, grid, periodic=layer.transform == 'hartley')
        self.register_buffer('weight', weight.permute(1, 2, 0).contiguous())  # (H, W, C)
        self.dtype = dtype

    def forward(self, x: Tensor, channels_last: bool) -> Tensor:
        assert channels_last, 'the mixers transform maps (B, H, W, C)'
        return self.filtered(x.to(self.dtype)).to(x.dtype)

    def filtered(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _keep(self, **tables: Tensor) -> None:
        for name, table in tables.items():
            self.register_buffer(name, table.to(self.dtype))


class FixedCosineFilter(FixedFilter):
    """With the transform ``'cosine'``."""

    rows: Tensor
    columns: Tensor

    def __init__(self, layer: SpectralFilter, grid: Grid, dtype: torch.dtype) -> None:
        super().__init__(layer, grid, dtype)
        self._keep(rows=dct_matrix(grid[0]), columns=dct_matrix(grid[1]))

    def filtered(self, x: Tensor) -> Tensor:
        y = along_height(self.rows, along_width(self.columns, x)) * self.weight
        return along_width(self.columns.mT, along_height(self.rows.mT, y))


class FixedHartleyFilter(FixedFilter):
    """With the transform ``'hartley'`` and either product."""

    rows_cos: Tensor
    rows_sin: Tensor
    columns: Tensor
    columns_reversed: Tensor
    even: Tensor
    odd: Tensor

    def __init__(self, layer: SpectralFilter, grid: Grid, dtype: torch.dtype) -> None:
        super().__init__(layer, grid, dtype)
        height, width = grid
        self._keep(
            rows_cos=cos_matrix(height),
            rows_sin=sin_matrix(height),
            columns=cas_matrix(width),
            columns_reversed=cas_reversed_matrix(width),
        )
        self.convolution = layer.product == 'convolution'
        if self.convolution:
            reversed_weight = reverse_frequencies(self.weight, (-3, -2))
            self._keep(
                even=(self.weight + reversed_weight) / 2, odd=(self.weight - reversed_weight) / 2
            )

    def filtered(self, x: Tensor) -> Tensor:
        plus, minus = along_width(self.columns, x), along_width(self.columns_reversed, x)
        y = along_height(self.rows_cos, plus) + along_height(self.rows_sin, minus)
        if self.convolution:
            # cas(-a - b) = cos a cas(-b) - sin a cas b
            reverse = along_height(self.rows_cos, minus) - along_height(self.rows_sin, plus)
            y = y * self.even + reverse * self.odd
        else:
            y = y * self.weight
        plus, minus = along_width(self.columns, y), along_width(self.columns_reversed, y)
        return along_height(self.rows_cos, plus) + along_height(self.rows_sin, minus)


class FixedSASS(nn.Module):
    """A :class:`~heracles_mm.spectral.SASS` for maps (B, H, W, C) of one grid."""

    def __init__(self, layer: SASS, grid: Grid, dtype: torch.dtype) -> None:
        super().__init__()
        self.pulse, self.sagu = layer.pulse, layer.sagu
        self.fourier = RealFourier(grid, layer.fft_axes, dtype)
        self.dtype = dtype
        for name, plane in zip(KERNEL, flat_planes(layer.kernel(grid, dtype)), strict=True):
            self.register_buffer(name, plane)

    def forward(self, x: Tensor) -> Tensor:
        real, imaginary = self.fourier(x.to(self.dtype))
        strength = (real.square() + imaginary.square()).sqrt()
        kernel = [getattr(self, name) for name in KERNEL]
        z = mix_bins(self.pulse, self.sagu, real, imaginary, strength, *kernel)
        return self.fourier.inverse(*z).to(x.dtype)
