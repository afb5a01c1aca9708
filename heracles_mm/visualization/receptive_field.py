"""Which pixels move a position of a map: the effective receptive field (Luo et al. 2016)."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from torch import Tensor, nn

from heracles_mm.visualization.activations import check_stage, stage_maps

DRAWS = 8
FLOOR = 1e-4
SHARE = 0.9
LEVELS = 16
"""Steps of colour: contours are easier to read than noise, and lighter as PNG."""


def effective_receptive_field(backbone: nn.Module, pictures: Tensor, stage: int) -> np.ndarray:
    """How strongly each pixel moves the middle of a stage's map, (H, W), 1 at the strongest.

    The norm of the Jacobian of the middle position by each pixel, estimated from gradients of eight
    random projections. (The paper's plain sum of channels is almost constant after a LayerNorm.)

    Args:
        backbone: with ``stages``.
        pictures: (B, 3, H, W), normalised; the field is the mean over them.
        stage: counted from 1.

    Raises:
        ValueError: no such stage.
    """
    check_stage(backbone, stage)
    generator = torch.Generator().manual_seed(0)
    x = pictures.clone().requires_grad_()
    with torch.enable_grad():
        y = stage_maps(backbone, x)[stage - 1]  # (B, h, w, C)
        middle = y[:, y.shape[1] // 2, y.shape[2] // 2]  # (B, C)
        energy = torch.zeros_like(x)
        for _ in range(DRAWS):
            projection = torch.randn(middle.shape, generator=generator).to(middle)
            (gradient,) = torch.autograd.grad(middle, x, projection, retain_graph=True)
            energy += gradient.square()
    field = energy.sum((0, 1)).sqrt()  # (H, W)
    return (field / field.max()).cpu().numpy()


def side_of(field: np.ndarray, share: float = SHARE) -> int:
    """Side in px of the smallest square round the middle with ``share`` of the field's energy."""
    energy = field**2
    height, width = field.shape
    distance = np.maximum(
        np.abs(np.arange(height) - height // 2)[:, None], np.abs(np.arange(width) - width // 2)
    )
    rings = np.bincount(distance.ravel(), weights=energy.ravel())
    return 2 * int(np.searchsorted(rings.cumsum(), share * rings.sum())) + 1


def plot_receptive_fields(title: str, fields: Mapping[str, np.ndarray]) -> Figure:
    """A panel for each name of ``fields``, which are what :func:`effective_receptive_field` gives,
    on a logarithmic scale of colour."""
    figure = Figure(figsize=(2.6 * len(fields) + 1.1, 3.2), layout='constrained')
    row = figure.subplots(1, len(fields), squeeze=False)[0]
    colours = colormaps['inferno'].resampled(LEVELS)
    for axes, (name, field) in zip(row, fields.items(), strict=True):
        options = dict(norm=LogNorm(FLOOR, 1), cmap=colours, interpolation='nearest')
        image = axes.imshow(field.clip(FLOOR), **options)
        share = f'{SHARE:.0%} of the energy\nwithin {side_of(field)} px'
        axes.set_title(f'{name}: {share}', fontsize=8)
        axes.tick_params(labelsize=7)
        axes.label_outer()
    bar = figure.colorbar(image, ax=list(row), shrink=0.9)
    bar.set_label('influence on the middle, strongest = 1', fontsize=8)
    bar.ax.tick_params(labelsize=7)
    figure.suptitle(title, fontsize=10)
    figure.supxlabel('px', fontsize=8)
    return figure
