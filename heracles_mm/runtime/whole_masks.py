"""Objects of a model that gives their masks across its whole input, as Mask2Former does.

Their boxes and scores follow from the masks at the size of the picture, where mmdet computes them;
no more than one of these is held at a time.
"""

from typing import NamedTuple

import numpy as np

from heracles_mm.runtime.geometry import Geometry
from heracles_mm.runtime.resampling import Size, neighbours


class Frame(NamedTuple):
    """How cells (h, w) of a model's input become pixels (H, W) of the picture, linearly.

    Args:
        rows, columns: (H, h) and (W, w) float32, what each pixel reads along an axis.
    """

    rows: np.ndarray
    columns: np.ndarray

    def mask(self, logits: np.ndarray) -> tuple[tuple[slice, slice], np.ndarray]:
        """The rows and columns of the picture that may belong to an object, and its logits there.

        Args:
            logits: (h, w), above 0 where the object is.
        """
        y, x = np.nonzero(logits > 0)
        rows, columns = _span(self.rows, y), _span(self.columns, x)
        return (rows, columns), self.rows[rows] @ logits @ self.columns[columns].T


def frame(cells: Size, where: Geometry) -> Frame:
    """Of maps (h, w) across a model's input: enlarged to it, cut to what is not padding, and
    brought to the picture's size, as mmdet does."""
    sides = zip(cells, where.whole, where.used, where.picture, strict=True)
    rows, columns = (_lerp(used, n) @ _lerp(count, side)[:used] for count, side, used, n in sides)
    return Frame(rows, columns)


def box_and_share(place: tuple[slice, slice], logits: np.ndarray) -> tuple[list[int], float]:
    """x1, y1, x2, y2 of the pixels above 0, and the mean share of the object in them; zeros where
    there is none."""
    (rows, columns), inside = place, logits > 0
    if not inside.any():
        return [0, 0, 0, 0], 0.0
    y, x = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    top, left = rows.start, columns.start
    shares = 1 / (1 + np.exp(-logits[inside]))
    return [left + x[0], top + y[0], left + x[-1] + 1, top + y[-1] + 1], float(shares.mean())


def _span(weights: np.ndarray, cells: np.ndarray) -> slice:
    """Pixels of an axis that read one of some cells, from the first to the last."""
    found = np.flatnonzero(weights[:, np.unique(cells)].any(1))
    return slice(found[0], found[-1] + 1) if len(found) else slice(0, 0)


def _lerp(n: int, m: int) -> np.ndarray:
    """Of an axis of ``n`` samples that gets ``m``, (m, n) float32."""
    axis, index = neighbours(n, m), np.arange(m)
    weights = np.zeros((m, n), np.float32)
    weights[index, axis.low] = 1 - axis.share
    weights[index, axis.high] += axis.share
    return weights
