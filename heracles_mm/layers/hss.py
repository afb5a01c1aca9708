"""The token mixer of HAMSA."""

import torch.nn.functional as F
from torch import Tensor, nn

from heracles_mm.spectral import SASS


class HSS(nn.Module):
    """u = SiLU(Linear(x)), v = SiLU(Linear(x)), Linear(u * SASS(v)).

    Source: HAMSA, the paper's diagram; the biases of the linear layers are assumed.

    Shapes: (B, H, W, dim) to (B, H, W, dim).
    """

    def __init__(self, dim: int, grid: tuple[int, int], fft_axes: str, kernel: str) -> None:
        super().__init__()
        self.uv = nn.Linear(dim, 2 * dim)
        self.sass = SASS(dim, grid, fft_axes, kernel)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        u, v = F.silu(self.uv(x)).chunk(2, dim=-1)
        return self.proj(u * self.sass(v))
