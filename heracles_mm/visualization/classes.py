"""Predicted classes beside the true ones."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

COLUMNS = 6
RIGHT, WRONG = 'darkgreen', 'firebrick'


def plot_classes(pictures: Sequence[tuple[np.ndarray, str, str, float]]) -> Figure:
    """The pictures, each under its true class and the predicted one, red where they differ.

    Args:
        pictures: (picture (H, W, 3) uint8 RGB, true class, predicted class, its score 0 to 1) each.
    """
    columns = min(COLUMNS, len(pictures))
    rows = math.ceil(len(pictures) / columns)
    figure = Figure(figsize=(2 * columns, 2.5 * rows), layout='constrained')
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.set_axis_off()
    for axes, (picture, truth, prediction, score) in zip(figure.axes, pictures):
        axes.imshow(picture)
        axes.set_title(
            f'{truth}\npredicted: {prediction} {score:.2f}',
            fontsize=8,
            color=RIGHT if truth == prediction else WRONG,
        )
    return figure
