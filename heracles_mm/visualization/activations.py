"""What a backbone computes on its way: maps of its stages and scales of its blocks, drawn."""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from heracles_mm.errors import UsageError
from heracles_mm.visualization.figures import show_picture, unit_range

CHANNELS = 5
SERIES = {'block': 'o-', 'mixer': 's--', 'ffn': '^:'}
"""What is measured, and how it is drawn: the residual stream after a block, and its branches."""


def plot_features(backbone: nn.Module, picture: Tensor, channels: int = CHANNELS) -> Figure:
    """A row for each stage: its map's principal components as colours, and the channels that vary
    most over the picture.

    Args:
        backbone: with ``stages``.
        picture: (1, 3, H, W), normalised.
        channels: how many.
    """
    with torch.no_grad():
        maps = [stage_map[0].float().cpu().numpy() for stage_map in stage_maps(backbone, picture)]
    figure = Figure(figsize=(1.7 * (channels + 2), 1.9 * len(maps) + 0.5), layout='constrained')
    grid = figure.subplots(len(maps), channels + 2, squeeze=False)
    for axes in grid[1:, 0]:
        axes.set_axis_off()
    show_picture(grid[0, 0], picture)
    for index, (row, features) in enumerate(zip(grid, maps, strict=True), 1):
        for axes in row:
            axes.set(xticks=[], yticks=[])
        height, width = features.shape[:2]
        row[1].imshow(principal_colours(features))
        row[1].set_title(f'stage {index}, {width}x{height}', fontsize=8)
        varying = features.std((0, 1)).argsort()[::-1][:channels]
        for axes, channel in zip(row[2:], varying, strict=True):
            axes.imshow(features[..., channel])
            axes.set_title(f'channel {channel}', fontsize=8)
    title = (
        'three principal components as colours, and the channels that vary most, each on its own'
    )
    figure.suptitle(f'{type(backbone).__name__}: {title} scale', fontsize=10)
    return figure


def principal_colours(features: np.ndarray) -> np.ndarray:
    """The three strongest principal components of (H, W, C) features as colours (H, W, 3), 0 to 1.

    The sign of a component, which is free, makes its largest entry positive.
    """
    flat = features.reshape(-1, features.shape[-1])
    flat = flat - flat.mean(0)
    _, _, directions = np.linalg.svd(flat, full_matrices=False)
    parts = np.zeros((len(flat), 3), flat.dtype)
    for index, direction in enumerate(directions[:3]):
        parts[:, index] = flat @ direction * np.sign(direction[np.abs(direction).argmax()])
    return np.stack([unit_range(part) for part in parts.T], axis=-1).reshape(*features.shape[:2], 3)


def activation_scales(backbone: nn.Module, pictures: Tensor) -> dict[str, list[float]]:
    """Root mean square after every block, of its mixer's output and of its FFN's, in order.

    Args:
        backbone: with ``stages`` of ``blocks``, each with ``mixer`` and ``ffn``.
        pictures: (B, 3, H, W), normalised.
    """
    blocks = [block for stage in _stages(backbone) for block in stage]
    groups = {
        'block': blocks,
        'mixer': [block.mixer for block in blocks],
        'ffn': [block.ffn for block in blocks],
    }
    with torch.no_grad():
        found = outputs_of(backbone, pictures, chain(*groups.values()))
    return {
        name: [found[module].float().square().mean().sqrt().item() for module in group]
        for name, group in groups.items()
    }


def plot_activations(backbones: Mapping[str, nn.Module], pictures: Tensor) -> Figure:
    """Scale over depth on a logarithmic axis, a colour for each named backbone of one shape.

    Arguments as :func:`activation_scales`.
    """
    figure = Figure(figsize=(7.5, 4.2), layout='constrained')
    axes = figure.add_subplot()
    for colour, (name, backbone) in enumerate(backbones.items()):
        for series, values in activation_scales(backbone, pictures).items():
            style = f'C{colour}{SERIES[series]}'
            axes.plot(range(1, len(values) + 1), values, style, label=f'{name}: {series}', ms=4)
    start = 0.5
    for index, blocks in enumerate(_stages(backbone), 1):
        axes.axvline(start, color='0.8', lw=0.8, zorder=0)
        place = (start + len(blocks) / 2, 1.01, f'stage {index}')
        axes.text(*place, transform=axes.get_xaxis_transform(), ha='center', fontsize=8)
        start += len(blocks)
    axes.set(yscale='log', xlabel='block', ylabel='root mean square', xlim=(0.5, start))
    axes.set_xticks(range(1, round(start + 0.5)))
    axes.grid(alpha=0.3, axis='y')
    figure.legend(loc='outside right center', fontsize=8)
    return figure


def _stages(backbone: nn.Module) -> list[list]:
    return [list(stage.blocks) for stage in backbone.stages]  # type: ignore[union-attr]


def outputs_of(
    backbone: nn.Module, pictures: Tensor, modules: Iterable[nn.Module]
) -> dict[nn.Module, Tensor]:
    """Module of the backbone -> what it returns for the pictures (B, 3, H, W), normalised."""
    found: dict[nn.Module, Tensor] = {}
    handles = [
        module.register_forward_hook(lambda module, _, output: found.update({module: output}))
        for module in modules
    ]
    try:
        backbone(pictures)
    finally:
        for handle in handles:
            handle.remove()
    return found


def stage_maps(backbone: nn.Module, pictures: Tensor) -> list[Tensor]:
    """The maps (B, H / s, W / s, C) of all stages of a backbone, each after its norm."""
    return [*outputs_of(backbone, pictures, backbone.stages).values()]  # type: ignore[arg-type]


def modules_by_stage(backbone: nn.Module, *kinds: type) -> dict[int, list[Any]]:
    """Stage, counted from 1 -> its modules of one of ``kinds``, in order, where it has any.

    Raises:
        ValueError: there are none in the whole backbone.
    """
    found = {}
    for index, stage in enumerate(backbone.stages, 1):  # type: ignore[arg-type]
        if modules := [module for module in stage.modules() if isinstance(module, kinds)]:
            found[index] = modules
    if not found:
        names = ' or '.join(kind.__name__ for kind in kinds)
        raise UsageError(f'{type(backbone).__name__} has no {names} to show')
    return found


def check_stage(backbone: nn.Module, stage: int) -> None:
    """Raise a ValueError for a stage, counted from 1, that the backbone lacks."""
    name, count = type(backbone).__name__, len(backbone.stages)  # type: ignore[arg-type]
    if stage not in range(1, count + 1):
        raise UsageError(f'stage {stage} does not exist: {name} has 1 to {count}')
