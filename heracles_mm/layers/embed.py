"""What lies before the blocks of a stage: the stem, and the downsampling between stages."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from heracles_mm.errors import UsageError
from heracles_mm.spectral.eager import AsMade, is_traced, is_transformed

EMBED_NORM_EPS = 1e-5
COLOURS = 3
"""Channels of colour pictures."""

NORMS: dict[str, Callable[..., nn.Module]] = {
    'BN': nn.BatchNorm2d,
    'BN2d': nn.BatchNorm2d,
    'SyncBN': nn.SyncBatchNorm,
    'GN': nn.GroupNorm,
}
"""By their names in mmcv."""


def input_adaptation(stored_shape: Sequence[int], own_shape: Sequence[int]) -> str | None:
    """How stored weights of the first convolution are made to take another number of channels.

    Returns:
        ``'sum'`` over the three stored channels for one own, ``'repeat'`` of the three, scaled by
        3 / own, for any other number (timm's ``adapt_input_conv``); None where nothing is adapted:
        the numbers agree, the stored one is not 3, or the shapes differ in more than it.
    """
    (outputs, stored, *kernel), (own_outputs, own, *own_kernel) = stored_shape, own_shape
    if stored != COLOURS or own == COLOURS or (outputs, kernel) != (own_outputs, own_kernel):
        return None
    return 'sum' if own == 1 else 'repeat'


def build_norm(norm_cfg: Mapping | None, channels: int) -> nn.Module:
    """A norm of (B, channels, H, W), named as mmcv's ``build_norm_layer`` names it.

    Args:
        norm_cfg: ``type`` (one of :data:`NORMS`), options of torch's module, and ``requires_grad``
            (default True) of its parameters. None for ``dict(type='BN')``.
        channels: C.

    Raises:
        UsageError: another type, an option that torch does not know, groups that do not divide C.
    """
    options = {'type': 'BN', 'requires_grad': True, **(norm_cfg or {})}
    kind, trained = options.pop('type'), options.pop('requires_grad')
    if kind not in NORMS:
        raise UsageError(f'norm_cfg: unknown type {kind!r}, choose one of {list(NORMS)}')
    if kind == 'GN':
        options['num_channels'] = channels
    else:
        options['num_features'] = channels
    try:
        norm = NORMS[kind](**options)
    except (TypeError, ValueError) as error:
        raise UsageError(f'norm_cfg: {error}, got {dict(norm_cfg or {})}') from None
    return norm.requires_grad_(trained)


class Stem(AsMade):
    """Four convolutions and a LayerNorm: (B, inputs, H, W) to (B, ceil(H / 4), ceil(W / 4), dim).

    Source: Heracles, upstream ``patch_embed1``.
    """

    def __init__(self, inputs: int, width: int, dim: int, norm_cfg: Mapping | None = None) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels, kernel, stride in ((inputs, 7, 2), (width, 3, 1), (width, 3, 1)):
            layers += [
                nn.Conv2d(channels, width, kernel, stride, padding=kernel // 2, bias=False),
                build_norm(norm_cfg, width),
                nn.ReLU(inplace=True),
            ]
        self.convs = nn.Sequential(*layers)
        self.proj = nn.Conv2d(width, dim, 3, stride=2, padding=1)
        self.norm = nn.LayerNorm(dim, eps=EMBED_NORM_EPS)
        self.made = repr(self)

    def forward(self, x: Tensor) -> Tensor:
        if not is_transformed():  # vmap knows no memory format
            x = x.contiguous(memory_format=torch.channels_last)  # as all maps after it
        norms = list(self.convs)[1::3]
        fused = all(map(_has_fixed_statistics, norms)) and self.on_cpu_as_made(x)
        x = self.proj(_with_fixed_statistics(x, self.convs) if fused else self.convs(x))
        return self.norm(x.permute(0, 2, 3, 1))  # (B, H / 4, W / 4, dim)

    def fold_norms(self) -> None:
        """Make BatchNorms with fixed statistics a part of the convolutions before them for good."""
        for index, (conv, norm) in enumerate(pairwise(self.convs)):
            if type(conv) is not nn.Conv2d or not isinstance(norm, _BatchNorm):
                continue
            if norm.track_running_stats:
                self.convs[index] = fuse_conv_bn_eval(conv, norm)
                self.convs[index + 1] = nn.Identity()

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """As torch's; weights of three input channels are adapted to another number."""
        key = f'{prefix}convs.0.weight'
        stored, own = state_dict.get(key), getattr(self.convs[0], 'weight', None)
        if isinstance(stored, Tensor) and isinstance(own, Tensor) and stored.dim() == own.dim():
            how = input_adaptation(stored.shape, own.shape)
            if how == 'sum':
                state_dict[key] = stored.double().sum(1, keepdim=True).to(stored.dtype)
            elif how == 'repeat':
                inputs = own.shape[1]
                channels = torch.arange(inputs, device=stored.device) % COLOURS
                state_dict[key] = stored[:, channels] * (COLOURS / inputs)
        super()._load_from_state_dict(state_dict, prefix, *args)


def _has_fixed_statistics(norm: nn.Module) -> bool:
    return (
        isinstance(norm, _BatchNorm)
        and norm.affine
        and not norm.training
        and norm.running_var is not None
    )


def _with_fixed_statistics(x: Tensor, layers: Any) -> Tensor:
    """Convolution and BatchNorm as one convolution, since both are linear, and ReLU: all three."""
    for conv, norm in zip(layers[0::3], layers[1::3], strict=True):
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        weight = conv.weight * scale[:, None, None, None]
        shift = norm.bias - norm.running_mean * scale
        x = F.relu(F.conv2d(x, weight, shift, conv.stride, conv.padding), inplace=True)
    return x


class DownsampleConv(nn.Conv2d):
    """:class:`torch.nn.Conv2d`, in float32 where torch 2.12 gives wrong numbers on a processor with
    AMX: strided convolutions of bfloat16 maps of one or two columns do not even repeat themselves
    there."""

    def forward(self, x: Tensor) -> Tensor:
        if not self._is_miscomputed(x):
            return super().forward(x)
        bias = None if self.bias is None else self.bias.float()
        with torch.autocast('cpu', enabled=False):
            return self._conv_forward(x.float(), self.weight.float(), bias).bfloat16()

    @staticmethod
    def _is_miscomputed(x: Tensor) -> bool:
        if is_traced() or x.shape[3] > 2 or x.device.type != 'cpu':
            return False
        dtype = torch.get_autocast_dtype('cpu') if torch.is_autocast_enabled('cpu') else x.dtype
        return dtype == torch.bfloat16 and x.dtype != torch.float64


class Downsample(nn.Module):
    """Convolution 3x3 of stride 2 and a LayerNorm: (B, H, W, C) to (B, ceil(H/2), ceil(W/2), dim).

    Source: Heracles, upstream ``patch_embed{2,3,4}``.
    """

    def __init__(self, inputs: int, dim: int) -> None:
        super().__init__()
        self.proj = DownsampleConv(inputs, dim, 3, stride=2, padding=1)
        self.norm = nn.LayerNorm(dim, eps=EMBED_NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        x = self.proj(x.permute(0, 3, 1, 2))  # (B, dim, H / 2, W / 2)
        return self.norm(x.permute(0, 2, 3, 1))
