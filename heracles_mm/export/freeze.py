"""A model for inference, made of operators that exporters and runtimes have."""

import copy
from typing import Any

import torch
from mmengine.model import revert_sync_batchnorm
from torch import Tensor, nn

from heracles_mm.export.any_size import AnyAttention, AnyFilter, AnyPool, AnySASS
from heracles_mm.export.fixed_size import FixedFilter, FixedSASS
from heracles_mm.export.plain_deformable import IN_GRAPHS
from heracles_mm.layers.attention import Attention
from heracles_mm.layers.embed import Stem
from heracles_mm.spectral import SASS, SpectralFilter
from heracles_mm.spectral.grids import grids_seen


@torch.no_grad()
def freeze(model: nn.Module, x: Tensor, *others: Tensor, any_size: bool = False) -> nn.Module:
    """A copy of ``model`` for inference on pictures of the size of ``x``, in any batch.

    Transforms become products with constant tables, filters and kernels are moved to the maps'
    grids beforehand, the stem's BatchNorms become part of its convolutions, deformable attention
    is plain operators. Same numbers, up to rounding. ``model`` and its state dict stay as they are.

    Args:
        model: any model with backbones of this package in it.
        x: pictures (B, C, H, W) or windows (N, look_back), float32 or float64; ``model`` is run
            once on them and ``others``, what else it takes.
        any_size: for pictures of any size: tables, filters and kernels are computed from the size,
            and what is pooled to a number of cells is a product too.
    """
    model = revert_sync_batchnorm(copy.deepcopy(model)).eval()
    for name, layer in reversed(list(model.named_modules())):  # what stands inside first
        if kind := IN_GRAPHS.get(type(layer).__name__):
            model.set_submodule(name, kind(layer))
    if any_size:
        for name, layer in list(model.named_modules()):
            if (made := _of_any_size(layer, x.dtype)) is not None:
                model.set_submodule(name, made)
    else:
        for name, made in _of_one_size(model, x, *others).items():
            model.set_submodule(name, made)
    for module in model.modules():
        if isinstance(module, Stem):
            module.fold_norms()
    return model.requires_grad_(False)


def _of_any_size(layer: nn.Module, dtype: torch.dtype) -> nn.Module | None:
    """What stands in for a layer, if something must."""
    if isinstance(layer, SpectralFilter):
        return AnyFilter(layer, dtype)
    if isinstance(layer, SASS):
        return AnySASS(layer, dtype)
    if isinstance(layer, Attention):
        return AnyAttention(layer)
    if isinstance(layer, nn.AdaptiveAvgPool2d):
        return AnyPool(layer)
    return None


def _of_one_size(model: nn.Module, *inputs: Tensor) -> dict[str, nn.Module]:
    """What stands in for the spectral layers, by name, on the grids of what they see."""
    names = {module: name for name, module in model.named_modules()}
    layers = [layer for layer in names if isinstance(layer, SASS | SpectralFilter)]
    grids = grids_seen(model, layers, *inputs)
    kinds: dict[bool, Any] = {True: FixedSASS, False: FixedFilter}
    return {
        names[layer]: kinds[isinstance(layer, SASS)](layer, grid, inputs[0].dtype)
        for layer, grid in grids.items()
    }
