"""Small panels that several figures share."""

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor


def show_picture(axes: Axes, picture: Tensor) -> None:
    """Draw a normalised picture (1, 3, H, W) stretched to the range of colours."""
    shown = picture[0].permute(1, 2, 0).numpy()  # (H, W, 3)
    axes.imshow(unit_range(shown))
    axes.set(xticks=[], yticks=[])
    axes.set_title(f'input, {shown.shape[1]}x{shown.shape[0]} px', fontsize=8)


def unit_range(values: np.ndarray) -> np.ndarray:
    """``values`` moved and stretched to 0 to 1; constant ones become 0."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)
