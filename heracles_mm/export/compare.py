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

MOST_NOISE = 10
"""Times a tolerance, the most that the model's own noise may excuse."""

NUDGE = 1e-6
"""Of a normalised picture: about what rounding does to it on the way through a network."""


@dataclass
class Comparison:
    """What was found on the pictures so far.

    Args:
        outputs: names of the outputs.
        differences: the largest for each, ``largest`` the largest number of the model's own.
        noise: how far the numbers of the model itself are from those in the same pictures nudged by
            :data:`NUDGE`. A network that decides on its way, as Mask2Former does where queries
            look, may have larger ones than :data:`TOLERANCE`.
        detections: of the model itself in all pictures; None where it does not detect.
        unmatched: sentences about detections that one of the two has alone.
        undecided: how many the model itself has alone, compared with what it finds in the nudged
            pictures: whether one box suppresses another, or which of two is DINO's first query, may
            hang on a rounding, above all with random weights. Like ``noise`` it is asked for only
            where there is a fault to excuse.
    """

    outputs: Sequence[str]
    differences: dict[str, float] = field(default_factory=dict)
    largest: dict[str, float] = field(default_factory=dict)
    noise: dict[str, float] = field(default_factory=dict)
    detections: int | None = None
    unmatched: list[str] = field(default_factory=list)
    undecided: int = 0

    def add(self, own: Iterable[Tensor], found: Iterable[Tensor]) -> None:
        """Compare the outputs for one batch, number by number."""
        for name, expected, value in zip(self.outputs, own, found, strict=True):
            if expected.numel():
                self._raise(self.largest, name, expected.abs().max())
                self._raise(self.differences, name, (expected - value).abs().max())

    def excuse(self, own: Iterable[Tensor], nudged: Iterable[Tensor]) -> None:
        """Take note of what the model gives for a nudged batch."""
        for name, expected, value in zip(self.outputs, own, nudged, strict=True):
            self._raise(self.noise, name, (expected - value).abs().max())

    def add_detections(
        self,
        own: Sequence[Tensor],
        found: Sequence[Tensor],
        threshold: float,
        most: int,
    ) -> None:
        """Compare what model and file find in one picture: boxes, scores, labels and perhaps masks.

        Args:
            threshold, most: the least score of a detection, and how many there may be.
        """
        pairs = torch.tensor(_matched(own, found), dtype=torch.int64).reshape(-1, 2)
        self.detections = (self.detections or 0) + len(own[0])
        self.add([each[pairs[:, 0]] for each in own], [each[pairs[:, 1]] for each in found])
        self.unmatched += _alone(own, found, threshold, most)

    def excuse_detections(
        self,
        own: Sequence[Tensor],
        nudged: Iterable[Sequence[Tensor]],
        threshold: float,
        most: int,
    ) -> None:
        """Take note of what the model finds in a picture that is nudged in several ways."""
        self.undecided += max(len(_alone(own, each, threshold, most)) for each in nudged)

    def fault(self) -> str | None:
        """What forbids to keep the file, or None."""
        for name, difference in self.differences.items():
            tolerance = TOLERANCES.get(name, TOLERANCE)
            noise = min(self.noise.get(name, 0.0), MOST_NOISE * tolerance)
            allowed = max(tolerance, noise)
            if not difference < allowed:  # of a NaN neither is true
                return (
                    f"its {name} differ from the eager model's by up to {difference:.1e}, and "
                    f'{allowed:.0e} is allowed'
                )
        if (count := len(self.unmatched)) > self.undecided:
            return (
                f'{self.unmatched[0]} (one of {count} such differences, where rounding would '
                f'explain {self.undecided})'
            )
        return None

    @staticmethod
    def _raise(values: dict[str, float], name: str, value: Tensor) -> None:
        """Keep the larger one; a NaN is larger than all."""
        before = torch.tensor(values.get(name, 0.0))
        values[name] = torch.maximum(before, value.float()).item()


def _matched(own: Sequence[Tensor], found: Sequence[Tensor]) -> list[tuple[int, int]]:
    """Rows of both that are one detection: of one label, within the tolerances, and of the nearest
    mask where there are masks, since queries often have one box and one score, else the nearest
    box."""
    own, found = ([*each[:3], *map(_thinned, each[3:])] for each in (own, found))
    boxes, scores, labels, *others = (each.numpy() for each in found)
    pairs: list[tuple[int, int]] = []
    free = np.ones(len(boxes), bool)
    for row, (box, score, label, *rest) in enumerate(zip(*(each.numpy() for each in own))):
        distances = np.abs(boxes - box).max(1)
        fits = free & (labels == label) & (np.abs(scores - score) < TOLERANCE)
        candidates = np.flatnonzero(fits & (distances < TOLERANCES['boxes']))
        if len(candidates):
            for mask, masks in zip(rest, others):
                distances[candidates] = [np.abs(masks[one] - mask).mean() for one in candidates]
            nearest = int(candidates[distances[candidates].argmin()])
            free[nearest] = False
            pairs.append((row, nearest))
    return pairs


def _thinned(masks: Tensor) -> Tensor:
    """Masks (N, H, W) in some 64 columns, which is enough to know them apart by."""
    step = max(1, masks.shape[-1] // 64)
    return masks[:, ::step, ::step]


def _alone(
    own: Sequence[Tensor], found: Sequence[Tensor], threshold: float, most: int
) -> list[str]:
    """What only one of two finds, in words.

    The order of equal scores is nobody's, so detections are matched by label and place. One whose
    score is within the tolerance of that at which detections are cut off, ``threshold`` or where
    there are ``most`` the last one's, may be on either side of it.
    """
    rows = _matched(own, found)
    sides = (own, {i for i, _ in rows}, 'the model'), (found, {j for _, j in rows}, 'the file')
    words = []
    for (boxes, scores, labels, *_), matched, whose in sides:
        cut = max(threshold, scores.min().item()) if len(scores) == most else threshold
        words += [
            f'{whose} alone finds a box {_words(boxes[row])} of label {int(labels[row])} and score '
            f'{scores[row]:.4f}'
            for row in range(len(scores))
            if row not in matched and scores[row] > cut + TOLERANCE
        ]
    return words


def _words(box: Tensor) -> str:
    return ', '.join(f'{side:.1f}' for side in box.tolist())
