"""Label maps: class scores on a grid over a picture, which follow the picture wherever it moves."""

from dataclasses import dataclass, replace

import numpy as np

Labels = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class LabelMap:
    """The strongest classes at every position of a grid that covers a whole picture.

    A map is read once and never resampled on the way: each change of the picture's geometry is
    remembered by :meth:`moved`, and :meth:`cells` looks the scores up where the picture's points
    came from. So no class but the ones that occur is ever held.

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

    def cells(self, y_edges: np.ndarray, x_edges: np.ndarray) -> Labels:
        """The mean scores of the picture's cells: RoIAlign, for any affine way of the picture.

        Each cell is the mean over a regular grid of points, ceil(map / cells) on each axis, and
        each point is read bilinearly, as upstream's ``roi_align`` does for a crop. Upstream hands
        it (top, left, bottom, right) where it reads (x1, y1, x2, y2), which transposes the crop;
        here x is x.

        Args:
            y_edges, x_edges: (H + 1,) and (W + 1,) increasing, in fractions of the picture's height
                and width: the borders of the cells.

        Returns:
            ids (n,) int64 of the classes that occur; their mean over the whole picture (n,)
            float32; and over each cell (n, H, W) float32. All other classes have score 0.
        """
        height, width = len(y_edges) - 1, len(x_edges) - 1
        area = np.outer(np.diff(y_edges), np.diff(x_edges)).reshape(1, -1)
        weights = self._weights(y_edges, x_edges)  # (H W, h w)
        weights = np.concatenate([area / area.sum() @ weights, weights])  # (1 + H W, h w)
        ids, rows = np.unique(self.ids, return_inverse=True)
        positions = self.ids[0].size
        table = np.zeros((len(ids), positions), np.float32)  # (n, h w)
        table[rows.reshape(-1, positions), np.arange(positions)] = self.scores.reshape(
            -1, positions
        )
        pooled = table @ weights.T.astype(np.float32)  # (n, 1 + H W)
        return ids, pooled[:, 0], pooled[:, 1:].reshape(-1, height, width)

    def _weights(self, y_edges: np.ndarray, x_edges: np.ndarray) -> np.ndarray:
        """The share of every position of the map in every cell: (H W, h w) float64."""
        h, w = self.ids.shape[1:]
        y, rows = _spread(y_edges, h)
        x, columns = _spread(x_edges, w)
        points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)  # (points, 2) as (x, y)
        cell = np.add.outer(rows * (len(x_edges) - 1), columns).ravel()
        inside = np.ones(len(points), bool)
        for matrix in reversed(self.steps):
            points = points @ matrix[:, :2].T + matrix[:, 2]
            inside &= ((points >= 0) & (points <= 1)).all(1)
        places = np.clip(points * (w, h) - 0.5, 0, (w - 1, h - 1))
        low = np.floor(places).astype(np.int64)
        high = np.minimum(low + 1, (w - 1, h - 1))
        part = places - low
        cells = (len(y_edges) - 1) * (len(x_edges) - 1)
        total = np.zeros(cells * h * w)
        for column, x_part in ((low[:, 0], 1 - part[:, 0]), (high[:, 0], part[:, 0])):
            for row, y_part in ((low[:, 1], 1 - part[:, 1]), (high[:, 1], part[:, 1])):
                index = (cell * h + row) * w + column
                total += np.bincount(index, x_part * y_part * inside, minlength=len(total))
        return total.reshape(cells, h * w) * cells / len(points)


def _spread(edges: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Points in the middle of equal parts of every cell, and the cell of each."""
    cells = len(edges) - 1
    count = -(-side // cells)
    parts = (np.arange(count) + 0.5) / count
    points = edges[:-1, None] + np.diff(edges)[:, None] * parts  # (cells, count)
    return points.ravel(), np.repeat(np.arange(cells), count)
