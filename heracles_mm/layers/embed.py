"""What lies before the blocks of a stage: the stem, and the downsampling between stages."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heracles_mm.layers.channels_last import Conv2dLast

EMBED_NORM_EPS = 1e-5


class Stem(nn.Module):
    """Four convolutions and a LayerNorm: (B, 3, H, W) to (B, ceil(H / 4), ceil(W / 4), dim).

    Source: Heracles, upstream ``patch_embed1``.
    """

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, kernel, stride in ((3, 7, 2), (width, 3, 1), (width, 3, 1)):
            layers += [
                nn.Conv2d(inputs, width, kernel, stride, padding=kernel // 2, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
        self.convs = nn.Sequential(*layers)
        self.proj = nn.Conv2d(width, dim, 3, stride=2, padding=1)
        self.norm = nn.LayerNorm(dim, eps=EMBED_NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)  # as all maps behind it
        layers = list(self.convs)
        for conv, norm in zip(layers[0::3], layers[1::3], strict=True):
            x = F.relu(_conv_norm(x, conv, norm), inplace=True)
        return self.norm(self.proj(x).permute(0, 2, 3, 1))  # (B, H / 4, W / 4, dim)


def _conv_norm(x: Tensor, conv: Any, norm: Any) -> Tensor:
    """``norm(conv(x))``; with fixed statistics as one convolution, since both are linear."""
    if norm.training or getattr(norm, 'running_var', None) is None:
        return norm(conv(x))
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    weight = conv.weight * scale[:, None, None, None]
    return F.conv2d(x, weight, norm.bias - norm.running_mean * scale, conv.stride, conv.padding)


class Downsample(nn.Module):
    """Convolution 3x3 of stride 2 and a LayerNorm: (B, H, W, C) to (B, ceil(H/2), ceil(W/2), dim).

    Source: Heracles, upstream ``patch_embed{2,3,4}``.
    """

    def __init__(self, inputs: int, dim: int) -> None:
        super().__init__()
        self.proj = Conv2dLast(inputs, dim, 3, stride=2, padding=1)
        self.norm = nn.LayerNorm(dim, eps=EMBED_NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.proj(x))
