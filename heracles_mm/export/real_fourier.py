"""HAMSA's Fourier transform by matrix products of real tensors alone.

Exporters and runtimes lack complex numbers, so a spectrum is a pair of tensors here, and a
transform two products with small constant tables. The numbers are those of torch.fft.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heracles_mm.spectral.tables import cos_matrix, sin_matrix

Parts = tuple[Tensor, Tensor]  # real and imaginary


def along_height(matrix: Tensor, x: Tensor) -> Tensor:
    """``matrix`` (n, H) on the rows of maps (B, H, W, C): (B, n, W, C). Along W it is ``@``."""
    return (matrix @ x.flatten(2)).unflatten(2, x.shape[2:])


def _halves(x: Tensor, dim: int) -> Parts:
    """The two halves along an axis of any even length, which chunk() would have to know."""
    first, second = x.unflatten(dim, (2, -1)).unbind(dim)
    return first, second


class Fourier:
    """Orthonormal half spectra of real maps (B, H, W, C), and the way back.

    Over ``'grid'`` the transform is a product along H and one along W. Over ``'tokens'``, of which
    position n = h W + w belongs to (h, w), a bin k = k1 + H k2 is reached through (k1, k2): but for
    whole turns n k / (H W) is h k1 / H + w k1 / (H W) + w k2 / W, so it is the same two products
    with a factor exp(-2 pi j w k1 / (H W)) between them (Cooley and Tukey 1965).

    Attributes:
        grid: (H, W).
        tokens: whether over these.
        width: W', bins along W of which the others are mirrors.
        bins: of the half spectrum.
        rows, rows_back: (2 H, H) and (H, 2 H).
        columns, columns_back: (2 W', 2 W) and (2 W, 2 W').
        turn_cos, turn_sin: of the factor between the products over tokens, (H, W, 1).
        copies: how often the whole spectrum holds each bin up to conjugation, 1 or 2, (bins, 1).
    """

    grid: tuple[int, int]
    tokens: bool
    width: int
    bins: int
    rows: Tensor
    rows_back: Tensor
    columns: Tensor
    columns_back: Tensor
    turn_cos: Tensor
    turn_sin: Tensor
    copies: Tensor

    def spectrum(self, x: Tensor) -> Parts:
        """Half spectrum of ``x``, (B, bins, C) each, in the order of ``half_spectrum``."""
        real, imaginary = _halves(along_height(self.rows, x), 1)  # (B, H, W, C)
        if self.tokens:
            real, imaginary = self._turned(real, imaginary, -1)
        z = self.columns @ torch.cat((real, imaginary), dim=2)
        real, imaginary = _halves(z, 2)  # (B, H, W', C)
        return self._flat(real), self._flat(imaginary)

    def inverse(self, real: Tensor, imaginary: Tensor) -> Tensor:
        """The real map (B, H, W, C) with a half spectrum, (B, bins, C) each."""
        real, imaginary = self._square(real), self._square(imaginary)  # (B, H, W', C)
        z = self.columns_back @ torch.cat((real, imaginary), dim=2)
        real, imaginary = _halves(z, 2)  # (B, H, W, C)
        if self.tokens:
            real, imaginary = self._turned(real, imaginary, 1)
        return along_height(self.rows_back, torch.cat((real, imaginary), dim=1))

    def _turned(self, real: Tensor, imaginary: Tensor, sign: int) -> Parts:
        """Times exp(sign 2 pi j w k1 / (H W))."""
        cos, sin = self.turn_cos, sign * self.turn_sin
        return real * cos - imaginary * sin, real * sin + imaginary * cos

    def _flat(self, part: Tensor) -> Tensor:
        """(B, H, W', C) to (B, bins, C)."""
        if self.tokens:
            return part.transpose(1, 2).flatten(1, 2)[:, : self.bins]
        return part.flatten(1, 2)

    def _square(self, part: Tensor) -> Tensor:
        """(B, bins, C) to (B, H, W', C), each bin as often as the whole spectrum has it."""
        height, columns = self.grid[0], self.width
        part = part * self.copies
        if not self.tokens:
            return part.unflatten(1, (height, columns))
        part = F.pad(part, (0, 0, 0, height * columns - self.bins))
        return part.unflatten(1, (columns, height)).transpose(1, 2)


class RealFourier(nn.Module, Fourier):
    """:class:`Fourier` for maps of one size, whose tables are constants.

    Args:
        grid: (H, W).
        fft_axes: ``'tokens'`` or ``'grid'``.
        dtype: float32 or float64, of the maps.
    """

    def __init__(self, grid: tuple[int, int], fft_axes: str, dtype: torch.dtype) -> None:
        super().__init__()
        height, width = grid
        self.grid = grid
        self.tokens = fft_axes == 'tokens'
        self.width = width // 2 + 1
        self.bins = height * width // 2 + 1 if self.tokens else height * self.width

        def table(values: Tensor) -> nn.Buffer:
            return nn.Buffer(values.to(dtype))

        self.rows, self.rows_back = map(table, row_tables(cos_matrix(height), sin_matrix(height)))
        cos_w, sin_w = cos_matrix(width)[: self.width], sin_matrix(width)[: self.width]
        self.columns, self.columns_back = map(table, column_tables(cos_w, sin_w))
        if self.tokens:
            length, k = height * width, torch.arange(self.bins)
            k1, w = torch.arange(height)[:, None, None], torch.arange(width)[:, None]
            angle = (k1 * w).double() * (2 * math.pi / (height * width))  # (H, W, 1)
            self.turn_cos, self.turn_sin = table(angle.cos()), table(angle.sin())
        else:
            length, k = width, torch.arange(self.width).repeat(height)
        self.copies = table(torch.where((k == 0) | (2 * k == length), 1.0, 2.0)[:, None])


def row_tables(cos: Tensor, sin: Tensor) -> Parts:
    """From tables (H, H) of a transform: x to Re, Im and Re, Im to Re."""
    return torch.cat((cos, -sin)), torch.cat((cos, -sin), dim=1)


def column_tables(cos: Tensor, sin: Tensor) -> Parts:
    """From tables (W', W) of a transform: Re, Im to Re, Im, and back."""
    return _complex_product(cos, -sin), _complex_product(cos.mT, sin.mT)


def _complex_product(real: Tensor, imaginary: Tensor) -> Tensor:
    """The real matrix (2 m, 2 n) that takes (Re x, Im x) to (Re, Im) of (real + j imaginary) x."""
    return torch.cat((torch.cat((real, -imaginary), dim=1), torch.cat((imaginary, real), dim=1)))
