"""What the figures share, and files of them that appear whole or not at all."""

import io
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from heracles_mm.checkpoints.writing import write_whole
from heracles_mm.errors import UsageError

SUFFIXES = ('.png', '.svg')
DPI = 100


def check_picture_path(path: Path) -> None:
    """Raise a ValueError for a name that does not say in which format to write."""
    if path.suffix not in SUFFIXES:
        raise UsageError(f'{path} must end in {" or ".join(SUFFIXES)}, which decides the format')


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG (``DPI``) or SVG; the same figure always gives the same bytes.

    Raises:
        ValueError: the name ends in neither.
        CheckpointError: the folder or the disk refuses it.
    """
    check_picture_path(path)
    content = io.BytesIO()
    undated = {'Date': None} if path.suffix == '.svg' else {'Software': None}
    with rc_context({'svg.hashsalt': 'heracles_mm'}):
        figure.savefig(content, format=path.suffix[1:], dpi=DPI, metadata=undated)
    write_whole(content.getvalue(), path)


def show_picture(axes: Axes, picture: Tensor) -> None:
    """Draw a normalised picture (1, 3, H, W) stretched to the range of colours."""
    shown = picture[0].permute(1, 2, 0).cpu().numpy()  # (H, W, 3)
    axes.imshow(unit_range(shown))
    axes.set(xticks=[], yticks=[])
    axes.set_title(f'input, {shown.shape[1]}x{shown.shape[0]} px', fontsize=8)


def unit_range(values: np.ndarray) -> np.ndarray:
    """``values`` moved and stretched to 0 to 1; constant ones become 0."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)
