"""The block in which a class token reads a map: a neck, between backbone and head."""

from collections import OrderedDict
from collections.abc import Sequence

from mmengine.model import BaseModule
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from heracles_mm.classification.class_mixers import ClassAttention, ClassHSS
from heracles_mm.layers.block import BLOCK_NORM_EPS
from heracles_mm.layers.init import init_weights
from heracles_mm.spectral import check_fft_axes, check_kernel

FFN_RATIO = 4


class ClassBlock(BaseModule):
    """A class token, the mean of a map, reads that map, which stays as it is.

    c = mean(x); ``c += mixer(LN(c), LN(x))``; ``c += FFN(LN(c))``, the FFN of ratio 4 and without
    convolution. No stochastic depth. Source: Heracles, upstream ``post_network.0``.

    Args:
        in_channels: C.
        mixer: from the token (B, C) and the patches (B, H, W, C), normed, to what the token learns
            from them (B, C).
        init_cfg: mmengine's.

    Shapes: (B, C, H, W), any H and W, to (B, C).
    """

    def __init__(self, in_channels: int, mixer: nn.Module, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        hidden = FFN_RATIO * in_channels
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

    Args:
        in_channels: C, a multiple of 32 (the width of an attention head).
        init_cfg: mmengine's.

    Shapes: (B, C, H, W), any H and W, to (B, C).
    """

    def __init__(self, in_channels: int, init_cfg: dict | None = None) -> None:
        super().__init__(in_channels, ClassAttention(in_channels), init_cfg)


@MODELS.register_module()
class ClassSpectralBlock(ClassBlock):
    """HAMSA's class block (assumed): the class token reads the mean of an HSS over the patches.

    Args:
        in_channels: C.
        grid: (H, W) of the map at the backbone's ``img_size``: 7x7 for 224 px. Other maps resample
            the kernel.
        fft_axes, kernel: as in :class:`~heracles_mm.Hamsa`.
        init_cfg: mmengine's.

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
        check_fft_axes(fft_axes)
        check_kernel(kernel)
        height, width = grid
        mixer = ClassHSS(in_channels, (height, width), fft_axes, kernel)
        super().__init__(in_channels, mixer, init_cfg)
