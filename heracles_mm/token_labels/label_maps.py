"""Label maps: class scores on a grid over a picture, which follow the picture wherever it moves."""

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class LabelMap:
    """The strongest classes at every position of a grid that covers a whole picture.

    A map is read once and never resampled on the way: :meth:`moved` notes each change of the
    picture's geometry, and :meth:`cells` looks the scores up where the picture's points came from,
    for the classes that occur alone.

    Attributes:
        scores: (k, h, w) float32 logits; a class that is not named at a position has score 0 there.
        ids: (k, h, w) int64 classes, all different at one position.
        steps: (2, 3) matrices, the oldest first.
    """

    scores: np.ndarray
    ids: np.ndarray
    steps: tuple[np.ndarray, ...] = ()

    def moved(self, matrix: np.ndarray) -> 'LabelMap':
        """The map of a picture made from this one's.

        Args:
            matrix: (2, 3); takes a point (x, y) of the new picture to where it was in the old one,
                both in fractions of width and height. What came from outside the old picture is
                filling and has score 0 for every class.
        """
        return replace(self, steps=(*self.steps, matrix))

    def cells(self, y_edges: np.ndarray, x_edges: np.ndarray) -> tuple[np.ndarray, ...]:
        """The mean scores of the picture's cells: RoIAlign, for any affine way of the picture.

        Each cell is the mean over a regular grid of points, ceil(map / cells) on each axis, and
        each point is read bilinearly, as upstream's ``roi_align`` does for a crop. Upstream hands
        it (top, left, bottom, right) where it reads (x1, y1, x2, y2), which transposes the crop.

        Args:
            y_edges, x_edges: (H + 1,) and (W + 1,), the borders of the cells in fractions of the
                picture's height and width.

        Returns:
            The classes that occur (n,) int64, and their mean over the whole picture (n,) and over
            each cell (n, H, W), float32. All other classes have score 0.
        """
        height, width = self.ids.shape[1:]
        y, x = _points(y_edges, height), _points(x_edges, width)  # (H, p) and (W, q)
        points = np.stack(np.meshgrid(x, y), axis=-1)  # (H p, W q, 2) as (x, y)
        inside = np.ones(points.shape[:2], bool)
        for matrix in reversed(self.steps):
            points = points @ matrix[:, :2].T + matrix[:, 2]
            inside &= ((points >= 0) & (points <= 1)).all(-1)
        ids, rows = np.unique(self.ids, return_inverse=True)
        table = np.zeros((len(ids), height, width))
        np.put_along_axis(table, rows.reshape(self.ids.shape), self.scores, axis=0)
        read = F.grid_sample(
            torch.from_numpy(table)[None],
            torch.from_numpy(2 * points - 1)[None],
            padding_mode='border',
            align_corners=False,
        )  # (1, n, H p, W q)
        cells = F.avg_pool2d(read * torch.from_numpy(inside), (y.shape[1], x.shape[1]))[0].numpy()
        whole = np.diff(y_edges) @ cells @ np.diff(x_edges) / np.ptp(y_edges) / np.ptp(x_edges)
        return ids, whole.astype(np.float32), cells.astype(np.float32)


def _points(edges: np.ndarray, side: int) -> np.ndarray:
    """The middles of ceil(side / cells) equal parts of every cell: (cells, parts)."""
    count = -(-side // (len(edges) - 1))
    return edges[:-1, None] + np.diff(edges)[:, None] * (np.arange(count) + 0.5) / count
