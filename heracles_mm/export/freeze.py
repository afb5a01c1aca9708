"""A model for pictures of one size, made of operators that exporters and runtimes have."""

import copy

import torch
from mmengine.model import revert_sync_batchnorm
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from heracles_mm.export.fixed_size import (
    FixedCosineFilter,
    FixedHartleyFilter,
    FixedSASS,
    Grid,
)
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
        x: a picture (B, 3, H, W), float32 or float64; ``model`` is run on it once.
    """
    model = revert_sync_batchnorm(copy.deepcopy(model)).eval()
    grids = _grids(model, x)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if child in grids:
                setattr(parent, name, _fixed(child, grids[child], x.dtype))
        if isinstance(parent, Stem):
            _fold_norms(parent)
    return model.requires_grad_(False)


def _grids(model: nn.Module, x: Tensor) -> dict[nn.Module, Grid]:
    """(H, W) of the maps (B, H, W, C) that each spectral layer sees."""
    grids: dict[nn.Module, Grid] = {}

    def record(layer: nn.Module, inputs: tuple[Tensor]) -> None:
        grids[layer] = (inputs[0].shape[1], inputs[0].shape[2])

    layers = [layer for layer in model.modules() if isinstance(layer, (SASS, SpectralFilter))]
    hooks = [layer.register_forward_pre_hook(record) for layer in layers]
    model(x)
    for hook in hooks:
        hook.remove()
    return grids


def _fixed(layer: nn.Module, grid: Grid, dtype: torch.dtype) -> nn.Module:
    if isinstance(layer, SASS):
        return FixedSASS(layer, grid, dtype)
    assert isinstance(layer, SpectralFilter)
    kind = FixedCosineFilter if layer.transform == 'cosine' else FixedHartleyFilter
    return kind(layer, grid, dtype)


def _fold_norms(stem: Stem) -> None:
    convs = stem.convs
    for index in range(0, len(convs), 3):
        conv, norm = convs[index], convs[index + 1]
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        convs[index], convs[index + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
