"""A classifier's findings: which classes it knows, and which it takes for which."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from heracles_mm.errors import UserError
from heracles_mm.reports.report_contents import (
    PICTURES,
    Findings,
    Picture,
    Table,
    confusions,
    ratio,
)

Result = tuple[int, int, float, float]
"""True class, predicted class, and the scores of the predicted one and of the true one."""


def read(sample: dict[str, Any], classes: Sequence[str]) -> Result:
    """What the report keeps of one picture."""
    if len(sample['gt_label']) != 1:
        raise UserError('a report is of pictures with one class each, not with several')
    truth, scores = int(sample['gt_label']), sample['pred_score']
    found = int(scores.argmax())
    return truth, found, float(scores[found]), float(scores[truth])


def find(results: Sequence[Result], classes: Sequence[str]) -> Findings:
    """Accuracy by class (recall and precision), and wrong pictures, the surest of them first."""
    matrix = np.zeros((len(classes), len(classes)), np.int64)
    for truth, found, *_ in results:
        matrix[truth, found] += 1
    right, pictures = matrix.diagonal(), matrix.sum(1)
    recall, precision = ratio(right, pictures), ratio(right, matrix.sum(0))
    taken_for: dict[int, str] = {}
    for truth, found in confusions(matrix):
        taken_for.setdefault(truth, f'{classes[found]} ({matrix[truth, found]})')
    order = np.argsort(recall, kind='stable')  # NaN last
    rows = [(classes[k], pictures[k], recall[k], precision[k], taken_for.get(k, '')) for k in order]
    columns = ('class', 'pictures', 'accuracy, %', 'precision, %', 'most often taken for')
    wrong = [index for index, (truth, found, *_) in enumerate(results) if truth != found]
    wrong.sort(key=lambda index: -results[index][2])
    worst = []
    for index in wrong[:PICTURES]:
        truth, found, score, score_of_truth = results[index]
        reason = f'{classes[truth]} ({score_of_truth:.2f}) taken for {classes[found]} ({score:.2f})'
        worst.append(Picture(index, [reason]))
    return Findings([Table('Classes', columns, rows)], classes, matrix, 'pictures', worst)
