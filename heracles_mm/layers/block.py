"""The residual block both families share."""

from torch import Tensor, nn

from heracles_mm.layers.drop_path import DropPath
from heracles_mm.layers.ffn import ConvFFN

BLOCK_NORM_EPS = 1e-6


class Block(nn.Module):
    """``x += DropPath(mixer(LN(x)))``, then ``x += DropPath(FFN(LN(x)))`` on (B, H, W, dim).

    No layer scale, no dropout. Source: Heracles, upstream ``block{i}``.
    """

    def __init__(self, dim: int, mixer: nn.Module, mlp_ratio: float, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=BLOCK_NORM_EPS)
        self.mixer = mixer
        self.norm2 = nn.LayerNorm(dim, eps=BLOCK_NORM_EPS)
        self.ffn = ConvFFN(dim, mlp_ratio)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.mixer(self.norm1(x)))
        return x + self.drop_path(self.ffn(self.norm2(x)))
