"""How far the results of a file are from those of the model that it was made from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

TOLERANCES = {'boxes': 0.05, 'masks': 1e-3}
"""Most that a number of an output may differ: px of the file's input for boxes, and shares of an
object for masks."""

TOLERANCE = 1e-4
"""The same for any other output."""


@dataclass
class Comparison:
    """What was found on the pictures so far.

    Args:
        outputs: names of the outputs.
        differences: the largest for each, ``largest`` the largest number of the model's own.
        detections: of the model itself in all pictures; None where it does not detect.
        unmatched: sentences about detections that one of the two has alone.
    """

    outputs: Sequence[str]
    differences: dict[str, float] = field(default_factory=dict)
    largest: dict[str, float] = field(default_factory=dict)
    detections: int | None = None
    unmatched: list[str] = field(default_factory=list)

    def add(self, own: Iterable[Tensor], found: Iterable[Tensor]) -> None:
        """Compare the outputs for one batch, number by number."""
        for name, expected, value in zip(self.outputs, own, found, strict=True):
            if expected.numel():
                self._raise(self.largest, name, expected.abs().max())
                self._raise(self.differences, name, (expected - value).abs().max())

    def add_detections(
        self, own: Sequence[Tensor], found: Sequence[Tensor], threshold: float, most: int
    ) -> None:
        """Compare what is found in one picture: boxes, scores, labels and perhaps masks.

        The order of equal scores is nobody's, so detections are matched by label and place. One
        whose score is within the tolerance of that at which detections are cut off, ``threshold``
        or where there are ``most`` the last one's, may be on either side of it.
        """
        rows = _matched(own, found)
        pairs = torch.tensor(rows, dtype=torch.int64).reshape(-1, 2)
        self.detections = (self.detections or 0) + len(own[0])
        self.add([each[pairs[:, 0]] for each in own], [each[pairs[:, 1]] for each in found])
        alone = [(own, set(range(len(own[0]))) - {i for i, _ in rows}, 'the model')]
        alone += [(found, set(range(len(found[0]))) - {j for _, j in rows}, 'the file')]
        for results, left, whose in alone:
            scores = results[1]
            cut = max(threshold, scores.min().item()) if len(scores) == most else threshold
            self.unmatched += [
                f'{whose} alone finds a box {_words(results[0][row])} of label '
                f'{int(results[2][row])} and score {scores[row]:.4f}'
                for row in sorted(left)
                if scores[row] > cut + TOLERANCE
            ]

    def fault(self) -> str | None:
        """What forbids to keep the file, or None."""
        for name, difference in self.differences.items():
            allowed = TOLERANCES.get(name, TOLERANCE)
            if not difference < allowed:  # of a NaN neither is true
                return (
                    f"its {name} differ from the eager model's by up to {difference:.1e}, and "
                    f'{allowed:.0e} is allowed'
                )
        if self.unmatched:
            return f'{self.unmatched[0]} (one of {len(self.unmatched)} such differences)'
        return None

    @staticmethod
    def _raise(values: dict[str, float], name: str, value: Tensor) -> None:
        """Keep the larger one; a NaN is larger than all."""
        before = torch.tensor(values.get(name, 0.0))
        values[name] = torch.maximum(before, value.float()).item()


def _matched(own: Sequence[Tensor], found: Sequence[Tensor]) -> list[tuple[int, int]]:
    """Rows of both that are one detection: the nearest of a label, within the tolerances."""
    boxes, other_boxes = own[0].numpy(), found[0].numpy()
    pairs: list[tuple[int, int]] = []
    free = np.ones(len(other_boxes), bool)
    for row, box in enumerate(boxes):
        fits = free & (found[2] == own[2][row]).numpy()
        fits &= ((found[1] - own[1][row]).abs() < TOLERANCE).numpy()
        if fits.any():
            distances = np.where(fits, np.abs(other_boxes - box).max(1), np.inf)
            nearest = int(distances.argmin())
            if distances[nearest] < TOLERANCES['boxes']:
                free[nearest] = False
                pairs.append((row, nearest))
    return pairs


def _words(box: Tensor) -> str:
    return ', '.join(f'{side:.1f}' for side in box.tolist())
