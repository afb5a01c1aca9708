"""Pictures and scores at other sizes."""

from typing import NamedTuple

import numpy as np
from PIL import Image

Size = tuple[int, int]  # height, width

FIXED_POINT = 2048
"""Of OpenCV's weights, which are whole numbers."""

PILLOW = {
    'nearest': Image.Resampling.NEAREST,
    'bilinear': Image.Resampling.BILINEAR,
    'bicubic': Image.Resampling.BICUBIC,
    'lanczos': Image.Resampling.LANCZOS,
    'box': Image.Resampling.BOX,
    'hamming': Image.Resampling.HAMMING,
}


def resized(picture: np.ndarray, size: Size, filter: str) -> np.ndarray:
    """A picture (H, W, 3) uint8 at another size."""
    if picture.shape[:2] == size:
        return picture
    if filter == 'opencv bilinear':
        return _as_opencv(picture, size)
    return np.asarray(Image.fromarray(picture).resize(size[::-1], PILLOW[filter]))


class Neighbours(NamedTuple):
    """Where each of m samples lies between n: two places, and the share of the second one."""

    low: np.ndarray
    high: np.ndarray
    share: np.ndarray


def neighbours(n: int, m: int, align_corners: bool = False) -> Neighbours:
    """Of an axis of ``n`` samples that gets ``m``, as OpenCV and torch count: pixels have an
    extent, or with ``align_corners`` the first and last ones keep their places."""
    index = np.arange(m, dtype=np.float64)
    corners = index * ((n - 1) / max(m - 1, 1))
    place = (corners if align_corners else (index + 0.5) * (n / m) - 0.5).astype(np.float32)
    low = np.floor(place)
    share = place - low
    low = low.astype(np.int64)
    return Neighbours(low.clip(0, n - 1), (low + 1).clip(0, n - 1), share)


def _as_opencv(picture: np.ndarray, size: Size) -> np.ndarray:
    """``cv2.resize`` of uint8, INTER_LINEAR, bit for bit: whole numbers, rounded where it does."""
    y, x = (neighbours(n, m) for n, m in zip(picture.shape, size, strict=False))

    def weights(share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values = [np.rint(part * FIXED_POINT).astype(np.int32) for part in (1 - share, share)]
        return values[0], values[1]

    # Beyond the first and the last column OpenCV repeats them, with their whole weight.
    left, right = weights(np.where(x.low == x.high, 0, x.share).astype(np.float32))
    left, right = np.where(x.low == x.high, FIXED_POINT, left)[:, None], right[:, None]

    def row(place: np.ndarray) -> np.ndarray:
        lines = picture[place]
        return (lines[:, x.low] * left + lines[:, x.high] * right) >> 4

    upper, lower = (weight[:, None, None] for weight in weights(y.share))
    summed = (upper * row(y.low) >> 16) + (lower * row(y.high) >> 16)
    return ((summed + 2) >> 2).clip(0, 255).astype(np.uint8)


def enlarged_rows(scores: np.ndarray, size: Size, rows: slice, align_corners: bool) -> np.ndarray:
    """Some rows of scores (K, h, w) float32 that are brought to ``size`` as torch's bilinear
    interpolation does: (K, rows, W)."""
    y = neighbours(scores.shape[1], size[0], align_corners)
    x = neighbours(scores.shape[2], size[1], align_corners)
    share = y.share[rows, None]
    lines = scores[:, y.low[rows]] * (1 - share) + scores[:, y.high[rows]] * share
    return lines[..., x.low] * (1 - x.share) + lines[..., x.high] * x.share
