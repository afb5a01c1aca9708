"""The spectral layers for maps of one size, whose tables, filters and kernels are constants.

What depends on the size of the map alone is computed once, here; what is left is matrix products
and elementwise arithmetic of real tensors, which every exporter and runtime has.
"""

from functools import reduce

import torch
from torch import Tensor, nn

from heracles_mm.export.real_fourier import RealFourier, along_height
from heracles_mm.spectral import SASS, SpectralFilter, resample_filter, reverse_frequencies, tables
from heracles_mm.spectral.sass import flat_planes, mix_bins

Grid = tuple[int, ...]


class FixedFilter(nn.Module):
    """A :class:`~heracles_mm.spectral.SpectralFilter` for maps (B, H, W, C) of one grid, or for
    series (B, T, C), which are maps of one row, where a transform along H changes nothing.

    A transform is a sum of products with a matrix along H and one along W: of one such term for the
    cosine transform, and for Hartley's of two, cas(a + b) = cos a cas b + sin a cas(-b).
    """

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
        self.convolution = layer.product == 'convolution'
        if self.convolution:
            reverse = reverse_frequencies(weight, (-3, -2))
            self.odd = nn.Buffer((weight - reverse) / 2)
            weight = (weight + reverse) / 2
            # cas(-a - b) = cos a cas(-b) - sin a cas b
            self.reverse_columns = buffer(minus, -plus)
        self.weight = nn.Buffer(weight)

    def forward(self, x: Tensor, channels_last: bool) -> Tensor:
        assert channels_last, 'the mixers transform maps (B, H, W, C)'
        is_series = x.dim() == 3
        v = x.to(self.dtype)
        v = v.unsqueeze(1) if is_series else v
        y = _transformed(v, self.rows, self.columns) * self.weight
        if self.convolution:
            y = y + _transformed(v, self.rows, self.reverse_columns) * self.odd
        y = _transformed(y, self.rows.mT, self.columns.mT).to(x.dtype)
        return y.squeeze(1) if is_series else y


def _transformed(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    terms = zip(rows.unbind(), columns.unbind(), strict=True)
    return reduce(torch.add, (along_height(r, c @ x) for r, c in terms))


class FixedSASS(nn.Module):
    """A :class:`~heracles_mm.spectral.SASS` for maps (B, H, W, C) of one grid."""

    def __init__(self, layer: SASS, grid: tuple[int, int], dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype, self.pulse, self.sagu = dtype, layer.pulse, layer.sagu
        self.fourier = RealFourier(grid, layer.fft_axes, dtype)
        real, imaginary, magnitude = map(nn.Buffer, flat_planes(layer.kernel(grid, dtype)))
        self.kernel_real, self.kernel_imaginary, self.kernel_magnitude = real, imaginary, magnitude

    def forward(self, x: Tensor) -> Tensor:
        real, imaginary = self.fourier(x.to(self.dtype))
        strength = (real.square() + imaginary.square()).sqrt()
        kernel = self.kernel_real, self.kernel_imaginary, self.kernel_magnitude
        z = mix_bins(self.pulse, self.sagu, real, imaginary, strength, *kernel)
        return self.fourier.inverse(*z).to(x.dtype)
