"""A segmentor's findings: which classes it finds, and whose pixels it takes for which."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from heracles_mm.reports.report_contents import (
    PICTURES,
    Findings,
    Picture,
    Table,
    confusions,
    ratio,
)

Result = tuple[np.ndarray, np.ndarray]
"""Of one picture: true class * classes + predicted class, and how many pixels have that pair."""

REASONS = 3
"""The most frequent confusions of a picture that are named."""


def read(sample: dict[str, Any], classes: Sequence[str]) -> Result:
    """What the report keeps of one picture; pixels without a class (255) do not count."""
    truth, found = (
        sample[key]['data'].cpu().numpy().astype(np.int64) for key in ('gt_sem_seg', 'pred_sem_seg')
    )
    counted = truth < len(classes)
    return np.unique(truth[counted] * len(classes) + found[counted], return_counts=True)


def find(results: Sequence[Result], classes: Sequence[str]) -> Findings:
    """IoU and accuracy by class, and the pictures of the lowest mean IoU over their classes."""
    matrix, means = np.zeros((len(classes), len(classes)), np.int64), []
    for result in results:
        one = _matrix(result, len(classes))
        matrix += one
        means.append(_iou(one)[one.sum(1) > 0].mean() if one.any() else np.nan)
    iou, accuracy = _iou(matrix), ratio(matrix.diagonal(), matrix.sum(1))
    share = 100 * matrix.sum(1) / max(matrix.sum(), 1)
    order = np.argsort(iou, kind='stable')  # NaN last
    rows = [(classes[k], share[k], iou[k], accuracy[k]) for k in order]
    columns = ('class', 'pixels, %', 'IoU, %', 'accuracy, %')
    worst = []
    for index in np.argsort(means, kind='stable')[:PICTURES]:
        one = _matrix(results[index], len(classes))
        reasons = [
            f'{100 * one[truth, found] / one.sum():.0f} % of the pixels: '
            f'{classes[truth]} taken for {classes[found]}'
            for truth, found in [*confusions(one)][:REASONS]
        ]
        if reasons:
            worst.append(Picture(int(index), [f'mean IoU {means[index]:.1f} %', *reasons]))
    return Findings([Table('Classes', columns, rows)], classes, matrix, 'pixels', worst)


def _matrix(result: Result, classes: int) -> np.ndarray:
    matrix = np.zeros(classes * classes, np.int64)
    matrix[result[0]] = result[1]
    return matrix.reshape(classes, classes)


def _iou(matrix: np.ndarray) -> np.ndarray:
    """Of every class in percent, NaN where it is neither there nor predicted."""
    right = matrix.diagonal()
    return ratio(right, matrix.sum(0) + matrix.sum(1) - right)
