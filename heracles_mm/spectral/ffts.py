"""FFTs of real tensors along any axes, and back.

The axes are moved to the end first. That is how FFTs leave them in memory, but the compiler of
torch 2.11 takes spectra along other axes to be contiguous, and what it makes of them fails.
"""

import torch
from torch import Tensor


def rfftn(x: Tensor, axes: tuple[int, ...], norm: str = 'backward') -> Tensor:
    """:func:`torch.fft.rfftn`: half of the frequencies along the last of ``axes``."""
    last = tuple(range(-len(axes), 0))
    z = torch.fft.rfftn(x.movedim(axes, last), dim=last, norm=norm)
    return z.movedim(last, axes)


def irfftn(
    z: Tensor, axes: tuple[int, ...], size: list[int] | tuple[int, ...], norm: str = 'backward'
) -> Tensor:
    """:func:`torch.fft.irfftn`: of ``size`` along ``axes``."""
    last = tuple(range(-len(axes), 0))
    x = torch.fft.irfftn(z.movedim(axes, last), s=size, dim=last, norm=norm)
    return x.movedim(last, axes)
