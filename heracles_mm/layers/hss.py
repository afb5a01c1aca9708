"""The token mixer of HAMSA."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heracles_mm.spectral import SASS
from heracles_mm.spectral.eager import AsMade
from heracles_mm.spectral.fused_bins import Weights


class HSS(AsMade):
    """u = SiLU(Linear(x)), v = SiLU(Linear(x)), Linear(u * SASS(v)).

    Source: HAMSA, the paper's diagram; the biases of the linear layers are assumed.

    Shapes: (B, H, W, dim) to (B, H, W, dim).
    """

    def __init__(self, dim: int, grid: tuple[int, int], fft_axes: str, kernel: str) -> None:
        super().__init__()
        self.uv = nn.Linear(dim, 2 * dim)
        self.sass = SASS(dim, grid, fft_axes, kernel)
        self.proj = nn.Linear(dim, dim)
        self.made = repr(self)

    def forward(self, x: Tensor) -> Tensor:
        if self.is_as_made() and x.shape[0] > 0:
            return self.channels_first(x)
        u, v = F.silu(self.uv(x)).chunk(2, dim=-1)
        return self.proj(u * self.sass(v))

    def channels_first(self, x: Tensor, weights: Weights | None = None) -> Tensor:
        """The same on (dim, B, H, W), as FFTs want their maps: products transpose at no cost.
        ``weights`` are those of :meth:`SASS.weights <heracles_mm.spectral.SASS.weights>`."""
        rows = x.flatten(0, 2)
        uv = torch.addmm(self.uv.bias[:, None], self.uv.weight, rows.mT)  # (2 dim, B H W)
        u, v = F.silu(uv).view(2, -1, *x.shape[:3])
        y = (u * self.sass.mix(v, weights)).flatten(1)
        return torch.addmm(self.proj.bias, y.mT, self.proj.weight.mT).view(x.shape)
