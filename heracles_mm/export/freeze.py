"""A model for pictures of one size, made of operators that exporters and runtimes have."""

import copy
from itertools import pairwise
from typing import Any

import torch
from mmengine.model import revert_sync_batchnorm
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from heracles_mm.export.fixed_size import FixedFilter, FixedSASS, Grid
from heracles_mm.layers.embed import Stem
from heracles_mm.spectral import SASS, SpectralFilter


@torch.no_grad()
def freeze(model: nn.Module, x: Tensor) -> nn.Module:
    """A copy of ``model`` for inference on pictures of the size of ``x``, in any batch.

    Transforms become products with constant tables, filters and kernels are moved to the maps'
    grids beforehand, the stem's BatchNorms become part of its convolutions. Same numbers, up to
    rounding. ``model`` and its state dict stay as they are.

    Args:
        model: any model with backbones of this package in it.
        x: pictures (B, C, H, W), or what else it takes, float32 or float64; ``model`` is run on
            them once.
    """
    model = revert_sync_batchnorm(copy.deepcopy(model)).eval()
    names = {module: name for name, module in model.named_modules()}
    grids: dict[nn.Module, Grid] = {}  # of the maps (B, H, W, C) or series that each layer sees

    def record(layer: Any, inputs: tuple[Tensor]) -> None:
        grids[layer] = tuple(inputs[0].shape[1:-1])

    layers = [layer for layer in names if isinstance(layer, SASS | SpectralFilter)]
    hooks = [layer.register_forward_pre_hook(record) for layer in layers]
    model(x)
    for hook in hooks:
        hook.remove()
    for layer, grid in grids.items():
        kind: Any = FixedSASS if isinstance(layer, SASS) else FixedFilter
        model.set_submodule(names[layer], kind(layer, grid, x.dtype))
    for module in model.modules():
        if isinstance(module, Stem):
            _fold_norms(module.convs)
    return model.requires_grad_(False)


def _fold_norms(layers: nn.Sequential) -> None:
    for index, (conv, norm) in enumerate(pairwise(layers)):
        if type(conv) is nn.Conv2d and isinstance(norm, _BatchNorm) and norm.track_running_stats:
            layers[index], layers[index + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
