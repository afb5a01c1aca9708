"""The block in which a class token reads a map: a neck, between backbone and head."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from heracles_mm.errors import UsageError
from heracles_mm.layers.block import BLOCK_NORM_EPS
from heracles_mm.layers.hss import HSS
from heracles_mm.layers.init import init_weights

HEAD_DIM = 32
"""Width of an attention head, as in the backbones."""


class ClassBlock(BaseModule):
    """A class token, the mean of a map, reads that map, which stays as it is.

    c = mean(x); ``c += mixer(LN(c), LN(x))``; ``c += FFN(LN(c))``, the FFN of ratio 4 and without
    convolution. No stochastic depth. Source: Heracles, upstream ``post_network.0``.

    Args:
        in_channels: C.
        mixer: from the token (B, C) and the patches (B, H, W, C), normed, to (B, C).
        init_cfg: mmengine's.

    Shapes: (B, C, H, W), any H and W, to (B, C).
    """

    def __init__(self, in_channels: int, mixer: nn.Module, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        hidden = 4 * in_channels
        self.norm1 = nn.LayerNorm(in_channels, eps=BLOCK_NORM_EPS)
        self.mixer = mixer
        self.norm2 = nn.LayerNorm(in_channels, eps=BLOCK_NORM_EPS)
        self.ffn = nn.Sequential(
            OrderedDict(
                fc1=nn.Linear(in_channels, hidden),
                act=nn.GELU(),
                fc2=nn.Linear(hidden, in_channels),
            )
        )
        self.apply(init_weights)

    def forward(self, x: Tensor) -> Tensor:
        patches = x.permute(0, 2, 3, 1)  # (B, H, W, C)
        token = patches.mean((1, 2))  # (B, C)
        token = token + self.mixer(self.norm1(token), self.norm1(patches))
        return token + self.ffn(self.norm2(token))


@MODELS.register_module()
class ClassAttentionBlock(ClassBlock):
    """Heracles' class block: the class token attends to itself and to all patches.

    ``in_channels``, C, must be a multiple of 32. Shapes: (B, C, H, W), any H and W, to (B, C).
    """

    def __init__(self, in_channels: int, init_cfg: dict | None = None) -> None:
        super().__init__(in_channels, ClassAttention(in_channels), init_cfg)


@MODELS.register_module()
class ClassSpectralBlock(ClassBlock):
    """HAMSA's class block (assumed): the class token reads the mean of an HSS over the patches.

    Args:
        in_channels: C.
        grid: (H, W) of the map at the backbone's ``img_size``. Other maps resample the kernel.
        fft_axes, kernel: as in :class:`~heracles_mm.Hamsa`.

    Shapes: (B, C, H, W), any H and W, to (B, C).
    """

    def __init__(
        self,
        in_channels: int,
        grid: Sequence[int] = (7, 7),
        fft_axes: str = 'tokens',
        kernel: str = 'complex',
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(in_channels, ClassHSS(in_channels, grid, fft_axes, kernel), init_cfg)


class ClassAttention(nn.Module):
    """Attention whose only query is the class token; keys and values are the token and all patches.

    Scale 32^-0.5, biases everywhere. Source: Heracles, upstream ``post_network.0.attn``.

    Shapes: token (B, C) and patches (B, H, W, C) to (B, C); C a multiple of 32.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        if dim % HEAD_DIM:
            raise UsageError(
                f'class attention needs channels in heads of {HEAD_DIM}, got {dim} channels'
            )
        self.q = nn.Linear(dim, dim)
        self.kv = nn.Linear(dim, 2 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, token: Tensor, patches: Tensor) -> Tensor:
        tokens = torch.cat((token[:, None], patches.flatten(1, 2)), dim=1)  # (B, 1 + H W, C)
        q, k, v = (
            x.unflatten(-1, (-1, HEAD_DIM)).transpose(1, 2)  # (B, heads, 1 or 1 + H W, 32)
            for x in (self.q(token[:, None]), *self.kv(tokens).chunk(2, dim=-1))
        )
        y = F.scaled_dot_product_attention(q, k, v)
        return self.proj(y.flatten(1))  # one query, so (heads, 1, 32) lie in the order of C


class ClassHSS(nn.Module):
    """Mean over the patches of what HAMSA's mixer makes of them.

    Assumed: the paper shows no class block, and the published sizes leave room for one with an HSS
    of the last stage's grid. A class token among the patches would break their grid, so the token
    is not mixed itself; the mean of u * SASS(v) over the positions reads every frequency of both.

    Shapes: token (B, C), which is not used, and patches (B, H, W, C) to (B, C).
    """

    def __init__(self, dim: int, grid: Sequence[int], fft_axes: str, kernel: str) -> None:
        super().__init__()
        height, width = grid
        self.hss = HSS(dim, (height, width), fft_axes, kernel)

    def forward(self, token: Tensor, patches: Tensor) -> Tensor:
        return self.hss(patches).mean((1, 2))
