"""The feed-forward network with a depthwise convolution."""

from torch import Tensor, nn

from heracles_mm.layers.banded_ffn import banded, banded_ffn
from heracles_mm.layers.channels_last import Conv2dLast


class ConvFFN(nn.Module):
    """Linear, depthwise 3x3, exact GELU, Linear on maps (B, H, W, dim). Source: Heracles, upstream
    ``mlp`` (after PVTv2)."""

    def __init__(self, dim: int, ratio: float) -> None:
        super().__init__()
        hidden = int(dim * ratio)
        self.fc1 = nn.Linear(dim, hidden)
        self.dwconv = Conv2dLast(hidden, hidden, 3, padding=1, groups=hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        if banded(x, self.fc1.out_features):
            fc1, conv, fc2 = self.fc1, self.dwconv, self.fc2
            assert conv.bias is not None
            return banded_ffn(x, fc1.weight, fc1.bias, conv.weight, conv.bias, fc2.weight, fc2.bias)
        return self.fc2(self.act(self.dwconv(self.fc1(x))))
