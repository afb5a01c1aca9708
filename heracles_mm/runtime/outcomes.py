"""What a model finds in a picture, in the picture's own pixels."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from heracles_mm.runtime.geometry import Geometry
from heracles_mm.runtime.resampling import Size
from heracles_mm.runtime.whole_masks import Frame, box_and_share, frame


@dataclass(frozen=True)
class Detections:
    """Objects by falling score.

    Args:
        boxes: (N, 4) float32, x1, y1, x2, y2 in px of the picture.
        scores: (N,) float32.
        labels: (N,) int64, places in ``classes``.
        classes: names, by label.
        size: height and width of the picture in px.
        shares: (N, h, w) float32, share of the object in each cell of its box, or None without
            masks. A whole mask has as many numbers as the picture, so it is made when asked for.
        mask_threshold: share from which a pixel belongs to the object.
        frame: of a model whose masks are across its whole input: ``shares`` are logits (N, h, w)
            then, above 0 where the object is.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    size: Size
    shares: np.ndarray | None = None
    mask_threshold: float = 0.5
    frame: Frame | None = None

    @classmethod
    def of_masks(
        cls, outputs: Mapping[str, np.ndarray], classes: tuple[str, ...], where: Geometry
    ) -> 'Detections':
        """Objects that are known by their masks across a model's input, as Mask2Former's are.

        Args:
            outputs: ``class_scores`` and ``labels`` (N,), and ``mask_logits`` (N, h, w), above 0
                where the object is.
            classes: names, by label.
            where: the picture stands in the input.
        """
        logits, labels = outputs['mask_logits'], outputs['labels']
        across = frame(logits.shape[1:], where)
        found = [box_and_share(*across.mask(each)) for each in logits]
        boxes = np.array([box for box, _ in found], np.float32).reshape(-1, 4)
        scores = outputs['class_scores'] * np.array([share for _, share in found], np.float32)
        order = scores.argsort(kind='stable')[::-1]
        made = cls(boxes, scores, labels, classes, where.picture, logits, frame=across)
        return made.at(order)

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def has_masks(self) -> bool:
        """Whether the model finds masks beside boxes."""
        return self.shares is not None

    def above(self, score: float) -> 'Detections':
        """Those with a score of at least ``score``."""
        return self.at(self.scores >= score)

    def at(self, rows: Any) -> 'Detections':
        """Those of some rows: a mask (N,), indices or a slice."""
        shares = None if self.shares is None else self.shares[rows]
        kept = self.boxes[rows], self.scores[rows], self.labels[rows]
        return replace(self, boxes=kept[0], scores=kept[1], labels=kept[2], shares=shares)

    def names(self) -> list[str]:
        """Class name of each."""
        return [self.classes[label] for label in self.labels]

    def mask(self, index: int) -> np.ndarray:
        """Pixels of one object, (H, W) bool."""
        whole = np.zeros(self.size, bool)
        (rows, columns), inside = self.mask_in_box(index)
        whole[rows, columns] = inside
        return whole

    def masks(self) -> np.ndarray:
        """Pixels of all objects, (N, H, W) bool: as much memory as N pictures of one channel."""
        whole = [self.mask(index) for index in range(len(self))]
        return np.stack(whole) if whole else np.zeros((0, *self.size), bool)

    def mask_in_box(self, index: int) -> tuple[tuple[slice, slice], np.ndarray]:
        """Rows and columns of the picture around one object, and which pixels there are its.

        Raises:
            ValueError: the model has no masks.
        """
        if self.shares is None:
            raise ValueError('this model finds boxes alone, without masks')
        if self.frame:
            place, logits = self.frame.mask(self.shares[index])
            return place, logits > 0
        shares, (x1, y1, x2, y2) = self.shares[index], self.boxes[index]
        rows, row_weights = _cells(y1, y2, self.size[0], shares.shape[0])
        columns, column_weights = _cells(x1, x2, self.size[1], shares.shape[1])
        return (rows, columns), row_weights @ shares @ column_weights.T >= self.mask_threshold

    def as_dict(self) -> dict[str, Any]:
        """For JSON; masks as COCO's uncompressed run lengths."""
        found: dict[str, Any] = {
            'boxes': self.boxes.astype(np.float64).round(2).tolist(),
            'scores': self.scores.astype(np.float64).round(4).tolist(),
            'labels': self.labels.tolist(),
            'names': self.names(),
        }
        if self.has_masks:
            found['masks'] = [run_lengths(self.mask(index)) for index in range(len(self))]
        return found


def _cells(low: float, high: float, length: int, cells: int) -> tuple[slice, np.ndarray]:
    """Pixels of an axis that a box touches, and what each reads of the cells across it, (n, cells):
    linear interpolation between their centres, nothing outside, as mmdet pastes masks."""
    pixels = np.arange(max(int(np.floor(low)) - 1, 0), min(int(np.ceil(high)) + 1, length))
    with np.errstate(divide='ignore', invalid='ignore'):
        place = (pixels + np.float32(0.5) - low) / (high - low) * cells - np.float32(0.5)
    place = np.where(np.isfinite(place), place, (cells - 1) / 2).astype(np.float32)
    weights = 1 - np.abs(place[:, None] - np.arange(cells, dtype=np.float32))
    first = int(pixels[0]) if len(pixels) else 0
    return slice(first, first + len(pixels)), weights.clip(min=0)


def run_lengths(mask: np.ndarray) -> dict[str, list[int]]:
    """A mask (H, W) as COCO's uncompressed run lengths: down the columns, zeros first."""
    flat = np.concatenate(([False], mask.T.ravel(), [not mask.T.ravel()[-1]]))
    ends = np.flatnonzero(flat[1:] != flat[:-1])
    return {'size': list(mask.shape), 'counts': np.diff(ends, prepend=0).tolist()}


@dataclass(frozen=True)
class LabelMap:
    """A class for each pixel.

    Args:
        labels: (H, W) uint8 or uint16, places in ``classes``.
        classes: names, by label.
    """

    labels: np.ndarray
    classes: tuple[str, ...]

    @property
    def size(self) -> Size:
        """Height and width of the picture in px."""
        return self.labels.shape[0], self.labels.shape[1]

    def areas(self) -> dict[str, float]:
        """Share of the picture of each class that it shows, the largest first."""
        counts = np.bincount(self.labels.ravel(), minlength=len(self.classes)) / self.labels.size
        order = counts.argsort(kind='stable')[::-1]
        return {self.classes[label]: float(counts[label]) for label in order if counts[label]}

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the shares of the classes; the map itself is a picture."""
        return {'areas': {name: round(share, 4) for name, share in self.areas().items()}}


@dataclass(frozen=True)
class ClassScores:
    """How well each class fits the picture.

    Args:
        scores: (K,) float32, sum 1.
        classes: names, by label.
        size: height and width of the picture in px.
    """

    scores: np.ndarray
    classes: tuple[str, ...]
    size: Size

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """The best classes and their scores."""
        order = self.scores.argsort(kind='stable')[::-1][:count]
        return [(self.classes[label], float(self.scores[label])) for label in order]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the best five."""
        return {'top': [[name, round(score, 4)] for name, score in self.top()]}


Result = Detections | LabelMap | ClassScores
