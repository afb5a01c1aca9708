"""Predictions beside ground truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

LEAST_SCORE = 0.5
"""Detections below it are usually left out of pictures (never out of an AP)."""


@dataclass(frozen=True)
class Detections:
    """Instances of one picture.

    Args:
        boxes: (N, 4), x1, y1, x2, y2 in px.
        labels: (N,), indices into the class names.
        masks: (N, H, W), bool, or None for boxes alone.
        scores: (N,), 0 to 1, or None for ground truth.
    """

    boxes: np.ndarray
    labels: np.ndarray
    masks: np.ndarray | None
    scores: np.ndarray | None = None


def plot_detections(
    pictures: Sequence[tuple[np.ndarray, Detections, Detections]],
    classes: Sequence[str],
    palette: Sequence[tuple[int, int, int]],
) -> Figure:
    """A column per picture, ground truth above and prediction below.

    Args:
        pictures: (picture (H, W, 3) uint8 RGB, ground truth, prediction) each.
        classes: names of the labels.
        palette: their colours, RGB 0 to 255.
    """
    figure = Figure(figsize=(2.6 * len(pictures), 5.6), layout='constrained')
    axes = figure.subplots(2, len(pictures), squeeze=False)
    for column, (picture, truth, prediction) in enumerate(pictures):
        _draw(axes[0, column], picture, truth, classes, palette)
        _draw(axes[1, column], picture, prediction, classes, palette)
    axes[0, 0].set_ylabel('ground truth')
    axes[1, 0].set_ylabel('prediction')
    return figure


def _draw(
    axes: Axes,
    picture: np.ndarray,
    instances: Detections,
    classes: Sequence[str],
    palette: Sequence[tuple[int, int, int]],
) -> None:
    shown = picture.astype(np.float32) / 255
    if instances.masks is not None:
        for label, mask in zip(instances.labels, instances.masks, strict=True):
            shown[mask] = 0.5 * shown[mask] + 0.5 * np.array(palette[label]) / 255
    axes.imshow(shown)
    axes.set(xticks=[], yticks=[])
    for index, (label, (x1, y1, x2, y2)) in enumerate(
        zip(instances.labels, instances.boxes, strict=True)
    ):
        colour = tuple(channel / 255 for channel in palette[label])
        axes.add_patch(
            Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, fill=False, color=colour, lw=1.5)
        )
        score = '' if instances.scores is None else f' {instances.scores[index]:.2f}'
        axes.text(
            x1,
            y1,
            f'{classes[label]}{score}',
            fontsize=7,
            color='white',
            va='bottom',
            clip_on=True,
            bbox={'facecolor': colour, 'pad': 1, 'linewidth': 0},
        )
