"""The maps that a backbone makes of a picture."""

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from heracles_mm.visualization.panels import show_picture, unit_range
from heracles_mm.visualization.stages import stage_maps

CHANNELS = 5


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


def plot_features(backbone: nn.Module, picture: Tensor, channels: int = CHANNELS) -> Figure:
    """A row for each stage: its map's principal components as colours, and the channels that vary
    most over the picture.

    Args:
        backbone: with ``stages``.
        picture: (1, 3, H, W), normalised.
        channels: how many.
    """
    with torch.no_grad():
        maps = [stage_map[0].float().numpy() for stage_map in stage_maps(backbone, picture)]
    figure = Figure(figsize=(1.7 * (channels + 2), 1.9 * len(maps) + 0.5), layout='constrained')
    grid = figure.subplots(len(maps), channels + 2, squeeze=False)
    for index, (row, features) in enumerate(zip(grid, maps, strict=True), 1):
        for axes in row:
            axes.set(xticks=[], yticks=[])
        height, width = features.shape[:2]
        if index == 1:
            show_picture(row[0], picture)
        else:
            row[0].set_axis_off()
        row[1].imshow(principal_colours(features))
        row[1].set_title(f'stage {index}, {width}x{height}', fontsize=8)
        liveliest = features.std((0, 1)).argsort()[::-1][:channels]
        for axes, channel in zip(row[2:], liveliest, strict=True):
            axes.imshow(features[..., channel])
            axes.set_title(f'channel {channel}', fontsize=8)
    figure.suptitle(
        f'{type(backbone).__name__}: three principal components as colours, and the channels that '
        'vary most, each on its own scale',
        fontsize=10,
    )
    return figure
