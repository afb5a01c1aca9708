"""FFTs of real tensors along any axes, and back.

The axes are moved to the end first. That is how FFTs leave them in memory, but the compiler of
torch 2.11 takes spectra along other axes to be contiguous, and what it makes of them fails. Of an
empty batch, which MKL refuses, there is an empty result.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def rfftn(x: Tensor, axes: tuple[int, ...], norm: str = 'backward') -> Tensor:
    """:func:`torch.fft.rfftn`: half of the frequencies along the last of ``axes``."""
    last = tuple(range(-len(axes), 0))
    y = x.movedim(axes, last)
    if x.shape[0] == 0:
        z = y[..., : y.shape[-1] // 2 + 1].to(x.dtype.to_complex())
    else:
        z = torch.fft.rfftn(y, dim=last, norm=norm)
    return z.movedim(last, axes)


def irfftn(
    z: Tensor, axes: tuple[int, ...], size: list[int] | tuple[int, ...], norm: str = 'backward'
) -> Tensor:
    """:func:`torch.fft.irfftn`: of ``size`` along ``axes``."""
    last = tuple(range(-len(axes), 0))
    y = z.movedim(axes, last)
    if z.shape[0] == 0:
        x = F.pad(y.real, (0, size[-1] - y.shape[-1]))
    else:
        x = torch.fft.irfftn(y, s=size, dim=last, norm=norm)
    return x.movedim(last, axes)
