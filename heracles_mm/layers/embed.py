"""What lies before the blocks of a stage: the stem, and the downsampling between stages."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from heracles_mm.layers.channels_last import Conv2dLast
from heracles_mm.spectral.eager import AsMade, is_transformed

EMBED_NORM_EPS = 1e-5


class Stem(AsMade):
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
        self.made = repr(self)

    def forward(self, x: Tensor) -> Tensor:
        if not is_transformed():  # vmap knows no memory format
            x = x.contiguous(memory_format=torch.channels_last)  # as all maps after it
        norms = [layer for layer in self.convs if isinstance(layer, _BatchNorm)]
        fixed = not any(norm.training or norm.running_var is None for norm in norms)
        fused = fixed and self.is_as_made()
        x = self.proj(_with_fixed_statistics(x, self.convs) if fused else self.convs(x))
        return self.norm(x.permute(0, 2, 3, 1))  # (B, H / 4, W / 4, dim)


def _with_fixed_statistics(x: Tensor, layers: Any) -> Tensor:
    """Convolution and BatchNorm as one convolution, since both are linear, and ReLU: all three."""
    for conv, norm in zip(layers[0::3], layers[1::3], strict=True):
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        weight = conv.weight * scale[:, None, None, None]
        shift = norm.bias - norm.running_mean * scale
        x = F.relu(F.conv2d(x, weight, shift, conv.stride, conv.padding), inplace=True)
    return x


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
