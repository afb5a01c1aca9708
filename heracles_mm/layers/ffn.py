"""The feed-forward network with a depthwise convolution."""

from torch import Tensor, nn

from heracles_mm.layers.banded_ffn import banded_ffn, is_wide
from heracles_mm.spectral.eager import AsMade


class ConvFFN(AsMade):
    """Linear, depthwise 3x3, exact GELU, Linear on maps (B, H, W, dim). Source: Heracles, upstream
    ``mlp`` (after PVTv2)."""

    def __init__(self, dim: int, ratio: float) -> None:
        super().__init__()
        hidden = int(dim * ratio)
        self.fc1 = nn.Linear(dim, hidden)
        self.dwconv = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, dim)
        self.made = repr(self)

    def forward(self, x: Tensor) -> Tensor:
        if is_wide(x, self.dwconv) and self.on_cpu_as_made(x):
            return banded_ffn(x, *self.parameters())
        x = self.fc1(x).permute(0, 3, 1, 2)  # (B, hidden, H, W)
        return self.fc2(self.act(self.dwconv(x).permute(0, 2, 3, 1)))
