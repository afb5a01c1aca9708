"""What mmdet asks of `panopticapi`, where it is not installed: colours as ids, panoptic quality.

COCO's own package is in no index, and mmdet neither reads nor evaluates panoptic data without it.
`mmcv_ops/finder.py` gives this file under its names (`panopticapi`, `.utils`, `.evaluation`); one
that is installed wins. Formulas: Kirillov et al., Panoptic Segmentation (arXiv:1801.00868), and
https://cocodataset.org/#format-data.
"""

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

BASES = np.array([1, 256, 256**2])
OFFSET, VOID = 256**3, 0
"""More than any id, and the id of pixels that belong to no segment."""


def rgb2id(color: Any) -> Any:
    """Ids (H, W) of colours (H, W, 3): R + 256 G + 256^2 B."""
    return np.asarray(color).astype(np.int64) @ BASES


def id2rgb(id_map: Any) -> np.ndarray:
    """Colours (H, W, 3) in uint8 of ids (H, W)."""
    return (np.asarray(id_map)[..., None] // BASES % 256).astype(np.uint8)


@dataclass
class Counts:
    """Matched segments of a category, the sum of their IoU, and those without a match."""

    iou: float = 0.0
    tp: int = 0
    fp: int = 0
    fn: int = 0

    @property
    def qualities(self) -> dict[str, float]:
        """Panoptic, segmentation and recognition quality, 0 for a category without segments."""
        segments = self.tp + (self.fp + self.fn) / 2
        return {
            'pq': self.iou / segments if segments else 0.0,
            'sq': self.iou / self.tp if self.tp else 0.0,
            'rq': self.tp / segments if segments else 0.0,
        }


class PQStat:
    """Counts by category id; ``+=`` adds those of other pictures."""

    def __init__(self) -> None:
        self.pq_per_cat: defaultdict[int, Counts] = defaultdict(Counts)

    def __getitem__(self, category: int) -> Counts:
        return self.pq_per_cat[category]

    def __iadd__(self, other: 'PQStat') -> 'PQStat':
        for category, counts in other.pq_per_cat.items():
            for name, value in vars(counts).items():
                setattr(self[category], name, getattr(self[category], name) + value)
        return self

    def pq_average(
        self, categories: dict[int, dict], isthing: bool | None
    ) -> tuple[dict[str, float], dict[int, dict[str, float]]]:
        """The mean qualities over the ``n`` categories with segments, and those of each.

        Args:
            categories: by id.
            isthing: True for things, False for stuff, None for all.
        """
        chosen = {
            category: self[category]
            for category, one in categories.items()
            if isthing is None or isthing == bool(one['isthing'])
        }
        found = [one.qualities for one in chosen.values() if one.tp + one.fp + one.fn]
        mean = {
            name: sum(one[name] for one in found) / len(found) if found else math.nan
            for name in ('pq', 'sq', 'rq')
        }
        return {**mean, 'n': len(found)}, {key: one.qualities for key, one in chosen.items()}
