"""The layers for maps of any size: what depends on the size is computed in the graph.

A graph has no shapes of Python to ask, so each table is a function of the places along an axis,
``arange(n)``, of which the graph makes as many as its input has. Angles are whole numbers of steps,
reduced to one turn before they become floats, so that a table is as exact at any size.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from heracles_mm.export.fixed_size import FilterTables, filtered, magnitude, mixed
from heracles_mm.export.real_fourier import Fourier, column_tables, row_tables
from heracles_mm.layers.attention import Attention
from heracles_mm.spectral import SASS, SpectralFilter


def places(n: int) -> Tensor:
    """0 to n - 1, int64."""
    return torch.arange(n)


def count(index: Tensor) -> Tensor:
    """n of its places, as a tensor."""
    return index[-1] + 1


def dct_matrix(index: Tensor, dtype: torch.dtype) -> Tensor:
    """Orthonormal DCT-II, (n, n)."""
    n = count(index)
    steps = (index[:, None] * (2 * index + 1)) % (4 * n)
    scale = torch.where(index == 0, 1, 2).to(dtype) / n
    return torch.cos(steps.to(dtype) * (math.pi / 2) / n) * scale.sqrt()[:, None]


def dft_matrices(index: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Real and minus imaginary part of the orthonormal DFT, (n, n) each."""
    n = count(index)
    angles = ((index[:, None] * index) % n).to(dtype) * (2 * math.pi) / n
    scale = n.to(dtype).rsqrt()
    return angles.cos() * scale, angles.sin() * scale


def lerp_matrix(n: int, index: Tensor, wrap: bool, dtype: torch.dtype) -> Tensor:
    """:func:`~heracles_mm.spectral.tables.lerp_matrix` from ``n`` samples to those places, (m, n):
    a sample is read within a distance of one, of itself or of its next period."""
    place = (index * n).to(dtype) / count(index)
    if not wrap:
        place = place.clamp(max=n - 1)
    distance = (place[:, None] - torch.arange(n)).abs()
    share = (1 - distance).clamp(min=0)
    return share + (1 - n + distance).clamp(min=0) if wrap else share


def mean_matrix(cells: Tensor, index: Tensor, dtype: torch.dtype) -> Tensor:
    """Averages over as many cells of an axis as adaptive pooling makes, (cells, n)."""
    n, k = count(index), count(cells)
    start, end = (cells * n) // k, ((cells + 1) * n + k - 1) // k
    inside = (index >= start[:, None]) & (index < end[:, None])
    return inside.to(dtype) / (end - start)[:, None]


def kernel_places(old: int, index: Tensor) -> tuple[Tensor, Tensor]:
    """For each place of the new axis the one of the old, with the same offset from the origin
    (:func:`~heracles_mm.spectral.resample_kernel`), and whether it has that offset."""
    n = count(index)
    offset = torch.where(index < (n + 1) // 2, index, index - n)
    exists = (offset >= -(old // 2)) & (offset <= (old - 1) // 2)
    return offset.clamp(-(old // 2), (old - 1) // 2) % old, exists


class AnyFilter(nn.Module):
    """A :class:`~heracles_mm.spectral.SpectralFilter` for maps (B, H, W, C) of any grid."""

    def __init__(self, layer: SpectralFilter, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.cosine = layer.transform == 'cosine'
        self.convolution = layer.product == 'convolution'
        self.weight = nn.Buffer(layer.weight.detach().to(dtype))

    def forward(self, x: Tensor, channels_last: bool) -> Tensor:
        assert channels_last, 'the mixers transform maps (B, H, W, C)'
        height, width = places(x.shape[1]), places(x.shape[2])
        return filtered(x.to(self.dtype), self._tables(height, width)).to(x.dtype)

    def _tables(self, height: Tensor, width: Tensor) -> FilterTables:
        sides = zip(self.weight.shape[1:], (height, width))
        rows, columns = (lerp_matrix(n, m, not self.cosine, self.dtype) for n, m in sides)
        weight = (rows @ self.weight @ columns.mT).permute(1, 2, 0)  # (H, W, C)
        if self.cosine:
            rows, columns = (dct_matrix(index, self.dtype)[None] for index in (height, width))
            return FilterTables(rows, columns, weight, None, None)
        rows = torch.stack(dft_matrices(height, self.dtype))
        cos, sin = dft_matrices(width, self.dtype)
        columns = torch.stack((cos + sin, cos - sin))
        if not self.convolution:
            return FilterTables(rows, columns, weight, None, None)
        reverse = weight[-height % count(height)][:, -width % count(width)]
        back = torch.stack((cos - sin, -cos - sin))
        return FilterTables(rows, columns, (weight + reverse) / 2, back, (weight - reverse) / 2)


class AnyFourier(Fourier):
    """:class:`Fourier` for the grid (H, W) of a graph's maps."""

    def __init__(self, grid: tuple[int, int], tokens: bool, dtype: torch.dtype) -> None:
        height, width = places(grid[0]), places(grid[1])
        self.grid, self.tokens = grid, tokens
        self.width = grid[1] // 2 + 1
        self.bins = grid[0] * grid[1] // 2 + 1 if tokens else grid[0] * self.width
        k2 = places(self.width)
        self.rows, self.rows_back = row_tables(*dft_matrices(height, dtype))
        cos, sin = dft_matrices(width, dtype)
        self.columns, self.columns_back = column_tables(cos[k2], sin[k2])
        length, k = count(width), k2.repeat(grid[0])
        if tokens:
            length, k = count(height) * count(width), places(self.bins)
            turn = (height[:, None, None] * width[:, None]).to(dtype) * (2 * math.pi) / length
            self.turn_cos, self.turn_sin = turn.cos(), turn.sin()
        self.copies = torch.where((k == 0) | (2 * k == length), 1.0, 2.0).to(dtype)[:, None]


class AnySASS(nn.Module):
    """A :class:`~heracles_mm.spectral.SASS` for maps (B, H, W, C) of any grid."""

    def __init__(self, layer: SASS, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype, self.pulse, self.sagu = dtype, layer.pulse, layer.sagu
        self.tokens = layer.fft_axes == 'tokens'
        weight = layer.kernel.weight.detach().to(dtype)
        if self.tokens:  # columns of negative offset stand a row above their offset in rows
            right, left = weight.tensor_split([(weight.shape[-1] + 1) // 2], dim=-1)
            weight = torch.cat((right, left.roll(1, -2)), dim=-1)
        self.weight = nn.Buffer(weight.permute(0, 2, 3, 1).contiguous())  # (1 or 2, h, w, C)

    def forward(self, x: Tensor) -> Tensor:
        grid = x.shape[1], x.shape[2]
        fourier = AnyFourier(grid, self.tokens, self.dtype)
        kernel = self._kernel(fourier, places(grid[0]), places(grid[1]))
        return mixed(x.to(self.dtype), fourier, self.pulse, self.sagu, *kernel).to(x.dtype)

    def _kernel(self, fourier: Fourier, height: Tensor, width: Tensor) -> tuple[Tensor, ...]:
        """Planes of the kernel's spectrum on the grid, (1 or 2, 1, bins, C) each."""
        rows, has_rows = kernel_places(self.weight.shape[1], height)
        columns, has_columns = kernel_places(self.weight.shape[2], width)
        inside = has_rows[:, None, None] & has_columns[:, None]
        maps = self.weight[:, rows][:, :, columns] * inside
        if self.tokens:
            left = width >= (count(width) + 1) // 2
            moved = maps[:, (height + 1) % count(height)]
            maps = torch.where(left[:, None], moved, maps)
        size = (count(height) * count(width)).to(self.dtype).sqrt()  # kernels are not normalised
        real, imaginary = (part * size for part in fourier.spectrum(maps))
        if self.weight.shape[0] == 2:  # R + jI and R - jI
            (r, i), (jr, ji) = zip(real.unbind(), imaginary.unbind())
            real, imaginary = torch.stack((r - ji, r + ji)), torch.stack((i + jr, i - jr))
        planes = real, imaginary, magnitude(real, imaginary)
        return tuple(plane.unsqueeze(1) for plane in planes)


class AnyAttention(Attention):
    """Attention whose ``kv_grid`` cells are averaged by matrix products."""

    def __init__(self, layer: Attention) -> None:
        nn.Module.__init__(self)
        self.head_dim, self.kv_grid = layer.head_dim, layer.kv_grid
        self.q, self.kv, self.proj = layer.q, layer.kv, layer.proj

    def _cells(self, x: Tensor) -> Tensor:
        if self.kv_grid is None:
            return x
        cells = [places(torch.sym_min(side, self.kv_grid)) for side in x.shape[1:3]]
        return _averaged(x.permute(0, 3, 1, 2), cells).permute(0, 2, 3, 1)


class AnyPool(nn.Module):
    """Adaptive average pooling of maps (B, C, H, W) by matrix products."""

    def __init__(self, layer: nn.AdaptiveAvgPool2d) -> None:
        super().__init__()
        size: Any = layer.output_size
        self.size = (size, size) if isinstance(size, int) else tuple(size)

    def forward(self, x: Tensor) -> Tensor:
        return _averaged(x, [torch.arange(cells) for cells in self.size])


def _averaged(x: Tensor, cells: Sequence[Tensor]) -> Tensor:
    """Averages of maps (B, C, H, W) over cells along H and W."""
    sides = zip(cells, x.shape[2:], strict=True)
    rows, columns = (mean_matrix(each, places(side), x.dtype) for each, side in sides)
    return rows @ x @ columns.mT
