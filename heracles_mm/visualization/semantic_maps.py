"""Predicted label maps beside ground truth."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

UNLABELLED = (0, 0, 0)
LEGEND = 9
"""Classes in a line of it."""


def plot_label_maps(
    pictures: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    classes: Sequence[str],
    palette: Sequence[tuple[int, int, int]],
) -> Figure:
    """A column per picture: the picture, its label map, the predicted one; ignored pixels black.

    The legend names the classes that are seen.

    Args:
        pictures: (picture (H, W, 3) uint8 RGB, label map (H, W), prediction (H, W)) each; a value
            that is no index of ``classes`` is ignored.
        classes: names of the labels.
        palette: their colours, RGB 0 to 255.
    """
    figure = Figure(figsize=(2.2 * len(pictures), 7.2), layout='constrained')
    axes = figure.subplots(3, len(pictures), squeeze=False)
    for column, (picture, truth, prediction) in enumerate(pictures):
        _show(axes[0, column], picture)
        _show(axes[1, column], _coloured(truth, palette))
        _show(axes[2, column], _coloured(prediction, palette))
    for row, name in enumerate(('picture', 'ground truth', 'prediction')):
        axes[row, 0].set_ylabel(name)
    seen = {int(label) for _, *maps in pictures for one in maps for label in np.unique(one)}
    handles = [
        Patch(color=f'#{red:02x}{green:02x}{blue:02x}', label=name)
        for label, (name, (red, green, blue)) in enumerate(zip(classes, palette, strict=True))
        if label in seen
    ]
    figure.legend(handles=handles, loc='outside lower center', ncols=LEGEND, fontsize='small')
    return figure


def _coloured(labels: np.ndarray, palette: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """(H, W) label values to (H, W, 3) uint8 colours."""
    colours = np.array([*palette, UNLABELLED], np.uint8)
    return colours[np.minimum(labels, len(palette))]


def _show(axes: Axes, pixels: np.ndarray) -> None:
    axes.imshow(pixels, interpolation='nearest')
    axes.set(xticks=[], yticks=[])
