"""Where a picture stands in a model's input."""

from dataclasses import dataclass

import numpy as np

from heracles_mm.runtime.description import Description, Resize
from heracles_mm.runtime.resampling import Size, resized

LEAST_SIDE = 33
"""Of the input of a file of any size, px: below it the last map has a side of one position, which a
graph takes for a constant."""


@dataclass(frozen=True)
class Geometry:
    """Of one picture; sizes are height and width in px.

    Args:
        picture: of the picture.
        inner: of the resized picture.
        crop: corner and size of what is cut out of that: top, left, height, width.
        whole: of the input, in whose upper left corner it stands; the rest is padding.
    """

    picture: Size
    inner: Size
    crop: tuple[int, int, int, int]
    whole: Size

    @property
    def used(self) -> Size:
        """Size of what of the input is not padding."""
        return self.crop[2:]

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of the input for one of the picture, along height and width."""
        (h, w), (height, width) = self.inner, self.picture
        return h / height, w / width


def geometry(picture: Size, description: Description) -> Geometry:
    """Where a picture of some size stands in the input of a described model."""
    inner = _resized(picture, description.resize)
    whole = description.size
    crop = description.resize.crop
    if whole and crop is None and (inner[0] > whole[0] or inner[1] > whole[1]):
        # It does not fit where the file was made for another shape: smaller, in its own shape.
        inner = _scaled(picture, min(whole[0] / picture[0], whole[1] / picture[1]), whole)
    height, width = (min(pair) for pair in zip(inner, crop or inner, strict=True))
    top, left = (round((a - b) / 2) for a, b in zip(inner, (height, width), strict=True))
    whole = whole or (max(height, LEAST_SIDE), max(width, LEAST_SIDE))
    return Geometry(picture, inner, (top, left, height, width), whole)


def model_input(picture: np.ndarray, where: Geometry, description: Description) -> np.ndarray:
    """A picture (H, W, 3) uint8, RGB, as the file takes it: (1, 3, *where.whole) float32."""
    small = resized(picture, where.inner, description.resize.filter)
    top, left, height, width = where.crop
    small = small[top : top + height, left : left + width]
    if description.channels == 'BGR':
        small = small[..., ::-1]
    mean, std = (np.array(values, np.float32) for values in (description.mean, description.std))
    image = np.zeros((1, 3, *where.whole), np.float32)  # the padding is 0 after normalisation
    image[0, :, :height, :width] = ((small - mean) / std).transpose(2, 0, 1)
    return image


def _resized(picture: Size, resize: Resize) -> Size:
    """As mmcv and mmpretrain round."""
    height, width = picture
    if resize.rule == 'keep':
        return picture
    if resize.rule == 'exact':
        return resize.size[0], resize.size[1]
    if resize.rule == 'edge':
        edge = resize.size[0]
        if width < height:
            return int(edge * height / width), edge
        return edge, int(edge * width / height)
    scale = min(max(resize.size) / max(picture), min(resize.size) / min(picture))
    return max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5))


def _scaled(picture: Size, scale: float, most: Size) -> Size:
    height, width = (
        min(limit, max(1, int(side * scale + 0.5)))
        for side, limit in zip(picture, most, strict=True)
    )
    return height, width
