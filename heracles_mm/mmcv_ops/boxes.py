"""Which boxes stay: greedy suppression, soft suppression, and who suppressed whom.

Boxes are (N, 4) as x1, y1, x2, y2, scores (N,), float32 or float64. mmcv takes thresholds as
float32 and computes an overlap in one order of operations; both decide between equals, so both are
kept. Loops are NumPy's: a pass over a thousand boxes takes it less than torch needs to start.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from heracles_mm.mmcv_ops.torchvision_ops import call, float32, wide


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Return the indices of the boxes that stay, (K,) int64, by falling score.

    Args:
        offset: 0, or 1 where a box from pixel 2 to pixel 4 is 3 wide.
    """
    order = _by_score(scores)
    if offset == 0:
        boxes = wide(boxes)[order]
        ranks = torch.arange(len(order), 0, -1, dtype=boxes.dtype, device=boxes.device)
        return order[call('nms', boxes, ranks, float32(iou_threshold))]
    threshold = np.float32(iou_threshold)
    groups = _groups(boxes, order, offset, lambda overlap: overlap > threshold)
    return torch.tensor([group[0] for group in groups], dtype=torch.int64, device=boxes.device)


def nms_match(dets: Tensor, iou_threshold: float) -> list[list[int]]:
    """Return, for each box that stays, its index and those of the boxes that it suppresses.

    Args:
        dets: (N, 5), boxes and scores.
    """
    threshold = np.float32(iou_threshold)
    groups = _groups(dets[:, :4], _by_score(dets[:, 4]), 0, lambda overlap: overlap >= threshold)
    return [group.tolist() for group in groups]


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Fill ``dets`` (N, 5) with boxes and lowered scores; return their indices, (K,) int64.

    Args:
        method: 0 drops what overlaps, 1 lowers its score by the overlap, 2 by a Gaussian of it.
    """
    threshold, sigma, least = np.float32(iou_threshold), np.float32(sigma), np.float32(min_score)
    rows, order = _rows(boxes, offset), np.arange(len(boxes))
    score = _array(scores).astype(rows.dtype)
    done = 0
    while done < len(order):
        best = done + _highest(score[done:])
        for values in (rows.T, score, order):
            values[[done, best]] = values[[best, done]]
        done += 1
        overlap = _overlaps(rows[:, done - 1], rows[:, done:], offset)
        if method == 2:
            weight = np.exp(-(overlap * overlap) / sigma, dtype=np.float64).astype(rows.dtype)
        else:
            weight = np.where(overlap >= threshold, 1 - overlap if method == 1 else 0, 1)
        score[done:] *= weight
        stays = ~(score < least)
        stays[:done] = True
        size = np.count_nonzero(stays)
        if size < len(order):
            # As compiled: the last box that stays takes the place of the first that does not.
            holes, moved = np.flatnonzero(~stays[:size]), size + np.flatnonzero(stays[size:])[::-1]
            for values in (rows.T, score, order):
                values[holes] = values[moved]
            rows, score, order = rows[:, :size], score[:size], order[:size]
    dets[: len(order)] = torch.from_numpy(np.vstack([rows[:4], score]).T).to(dets.dtype)
    return torch.from_numpy(order)


def _highest(scores: np.ndarray) -> int:
    """The first of the highest; nan, which a Gaussian of 0 / 0 gives, counts where it is first."""
    best = int(scores.argmax())
    if np.isnan(scores[best]):
        best = 0 if np.isnan(scores[0]) else int(np.nanargmax(scores))
    return best


def _by_score(scores: Tensor) -> Tensor:
    """mmcv's sort, which leaves the order of equal scores to torch."""
    return scores.sort(descending=True)[1]


def _groups(
    boxes: Tensor, order: Tensor, offset: int, hits: Callable[[np.ndarray], np.ndarray]
) -> list[np.ndarray]:
    """Each box that stays, by ``order``, and after it those that it hits."""
    rows, left, groups = _rows(boxes[order], offset), _array(order), []
    while len(left):
        hit = hits(_overlaps(rows[:, 0], rows, offset))
        hit[0] = True
        groups.append(left[hit])
        rows, left = rows[:, ~hit], left[~hit]
    return groups


def _rows(boxes: Tensor, offset: int) -> np.ndarray:
    """x1, y1, x2, y2 and area, (5, N)."""
    x1, y1, x2, y2 = _array(boxes).T
    return np.stack([x1, y1, x2, y2, (x2 - x1 + offset) * (y2 - y1 + offset)])


def _overlaps(box: np.ndarray, boxes: np.ndarray, offset: int) -> np.ndarray:
    """Intersection over union of one box, (5,), and others, (5, N); two without an area: nan."""
    width = np.minimum(box[2], boxes[2]) - np.maximum(box[0], boxes[0]) + offset
    height = np.minimum(box[3], boxes[3]) - np.maximum(box[1], boxes[1]) + offset
    both = np.maximum(width, 0) * np.maximum(height, 0)
    with np.errstate(invalid='ignore', divide='ignore'):
        return both / (box[4] + boxes[4] - both)


def _array(tensor: Tensor) -> np.ndarray:
    return wide(tensor.detach()).cpu().numpy()
