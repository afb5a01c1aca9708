"""The token mixer of Heracles' spectral stages."""

import torch
from torch import Tensor, nn

from heracles_mm.spectral import SpectralFilter
from heracles_mm.spectral.eager import is_traced


class SpectralMixer(nn.Module):
    """Local depthwise convolution beside a global spectral filter, each on half of the channels.

    The first half of the channels goes through a depthwise 3x3 convolution (local), the second half
    through a :class:`SpectralFilter` (global). The outputs are interleaved l0, g0, l1, g1, ... so
    that the next layer's halves hold both. There is no projection and no activation. Source:
    Heracles, upstream ``attn`` of the spectral stages. Over a series, of which nothing is public,
    the same with a convolution of 3 positions (assumed).

    Shapes: (B, H, W, dim) to (B, H, W, dim), with a ``grid`` of one length (B, T, dim) to
    (B, T, dim); ``dim`` even.
    """

    def __init__(self, dim: int, grid: tuple[int, ...], transform: str, product: str) -> None:
        super().__init__()
        half = dim // 2
        convolution = nn.Conv2d if len(grid) == 2 else nn.Conv1d
        self.local = convolution(half, half, 3, padding=1, groups=half)
        self.filter = SpectralFilter(half, grid, transform, product)

    def forward(self, x: Tensor) -> Tensor:
        local, spectral = x.chunk(2, dim=-1)  # (B, H, W, C / 2) each
        local = self.local(local.movedim(-1, 1)).movedim(1, -1)
        return interleaved(local, self.filter(spectral, channels_last=True))  # (B, H, W, C)


def interleaved(first: Tensor, second: Tensor) -> Tensor:
    """f0, s0, f1, s1, ... along the last axis.

    Torch stacks numbers one by one; complex ones are made of real and imaginary parts at the speed
    of memory.
    """
    if first.dtype == second.dtype in (torch.float32, torch.float64) and not is_traced():
        return torch.view_as_real(torch.complex(first, second)).flatten(-2)
    return torch.stack((first, second), dim=-1).flatten(-2)
