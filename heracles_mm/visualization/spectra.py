"""Frequency planes to look at, the zero in the middle (Fourier, Hartley) or a corner (cosine)."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from torch import Tensor

Grid = tuple[int, int]


def frequency_plane(at: Tensor, opposite: Tensor, grid: Grid, fft_axes: str) -> Tensor:
    """All bins of a half spectrum as a plane, zero frequency in the middle.

    The 1-D spectrum over the H W tokens of a map, in row-major order, is a plane too: bin k turns
    k / H times along a column (whole turns do not show) and k / (H W) times from one column to the
    next. So column k // H, row k mod H is bin k, and the horizontal frequency of a row is off its
    column's by less than a column.

    Args:
        at: values at the half spectrum's bins, (bins, C) for 'tokens', (H, W // 2 + 1, C) for
            'grid', real.
        opposite: values at the negated frequencies.
        grid: (H, W).
        fft_axes: as in :class:`~heracles_mm.spectral.SASS`.

    Returns:
        (C, H, W).
    """
    height, width = grid
    if fft_axes == 'tokens':
        rest = (height * width + 1) // 2
        line = torch.cat((at, opposite[1:rest].flip(0)))  # (H W, C)
        plane = line.unflatten(0, (width, height)).transpose(0, 1)
    else:
        rest = (width + 1) // 2
        other = opposite[:, 1:rest].flip((0, 1)).roll(1, 0)  # row f_y of -f stands at -f_y
        plane = torch.cat((at, other), dim=1)
    return torch.fft.fftshift(plane.permute(2, 0, 1), dim=(1, 2))


def show_plane(axes: Axes, plane: np.ndarray, centred: bool, **options) -> AxesImage:
    """Draw (H, W) values over frequencies in cycles per position, upwards and to the right."""
    left, right = _edges(plane.shape[1], centred)
    bottom, top = _edges(plane.shape[0], centred)
    ticks = [-0.5, -0.25, 0, 0.25] if centred else [0, 0.25]
    image = axes.imshow(plane, origin='lower', extent=(left, right, bottom, top), **options)
    axes.set(xticks=ticks, yticks=ticks, xlim=(left, right), ylim=(bottom, top))
    axes.tick_params(labelsize=7)
    place = axes.get_subplotspec()
    if place is not None and not place.is_first_col():
        axes.set_yticklabels([])
    return image


def _edges(count: int, centred: bool) -> tuple[float, float]:
    """Where the first of ``count`` bins begins and the last ends, each half a bin round its own."""
    if centred:  # bin k of n stands for (k - n // 2) / n
        return (-(count // 2) - 0.5) / count, (count - count // 2 - 0.5) / count
    return -0.25 / count, 0.5 - 0.25 / count  # bin k of n stands for k / 2 n
