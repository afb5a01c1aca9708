"""A detector's findings, by TIDE (arXiv:2008.08115): AP by class, and what each error costs.

The package tidecv matches and sorts boxes; masks are not looked at.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from heracles_mm.errors import UserError
from heracles_mm.reports.report_contents import PICTURES, Findings, Picture, Table, ratio
from heracles_mm.visualization.predictions import LEAST_SCORE

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""IoUs over which COCO's AP is the mean."""

BACKGROUND = 0.1
"""TIDE: below this IoU with every object a detection has nothing under it."""

CAUSES = {
    'MissedError': 'missed',
    'ClassError': 'wrong class',
    'BoxError': 'wrong box',
    'OtherError': 'wrong class and box',
    'DuplicateError': 'found twice',
    'BackgroundError': 'nothing there',
}
"""TIDE's categories by tidecv's names for them."""


@dataclass(frozen=True)
class Result:
    """Boxes (N, 4) are x, y, width, height in px."""

    objects: np.ndarray
    labels: np.ndarray
    crowds: np.ndarray
    crowd_labels: np.ndarray
    found: np.ndarray
    found_labels: np.ndarray
    scores: np.ndarray


def read(sample: dict[str, Any], classes: Sequence[str]) -> Result:
    """What the report keeps of one picture."""
    if 'pred_instances' not in sample:
        raise UserError('a report is of instances, which this model does not predict')
    truth, crowds, found = (
        sample.get(key, {}) for key in ('gt_instances', 'ignored_instances', 'pred_instances')
    )
    return Result(
        _boxes(truth),
        _numbers(truth, 'labels'),
        _boxes(crowds),
        _numbers(crowds, 'labels'),
        _boxes(found),
        _numbers(found, 'labels'),
        _numbers(found, 'scores'),
    )


def _numbers(instances: dict[str, Any], name: str) -> np.ndarray:
    values = instances.get(name, np.zeros(0))
    return values.cpu().numpy() if hasattr(values, 'cpu') else values


def _boxes(instances: dict[str, Any]) -> np.ndarray:
    boxes = instances.get('bboxes', np.zeros((0, 4)))
    boxes = getattr(boxes, 'tensor', boxes)
    boxes = (boxes.cpu().numpy() if hasattr(boxes, 'cpu') else boxes).astype(np.float64)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def find(results: Sequence[Result], classes: Sequence[str]) -> Findings:
    """AP and AP50 by class over all detections; errors, confusions and pictures over those of at
    least ``LEAST_SCORE``, which a user would see.

    Raises:
        UserError: there is no object at all.
    """
    if not any(len(result.labels) for result in results):
        raise UserError('the test data have no object, so a report has nothing to compare with')
    everything = _runs(results, classes, -np.inf, THRESHOLDS)
    (shown,) = _runs(results, classes, LEAST_SCORE, THRESHOLDS[:1])
    ap = np.array(
        [[run.ap_data.objs[k].get_ap() for k in range(len(classes))] for run in everything]
    )
    right = np.zeros(len(classes), np.int64)
    for label, points in shown.ap_data.objs.items():
        right[label] = sum(correct for _, correct, _ in points.data_points.values())
    matrix, objects = _matrix(shown, right), np.zeros(len(classes), np.int64)
    for result in results:
        np.add.at(objects, result.labels.astype(int), 1)
    mean = np.where(objects > 0, ap.mean(0), np.nan)
    recall = ratio(right, objects)
    rows = [
        (classes[k], objects[k], mean[k], ap[0, k] if objects[k] else np.nan, recall[k])
        for k in np.argsort(mean, kind='stable')  # NaN last
    ]
    found = f'found at score {LEAST_SCORE}, %'
    by_class = Table('Classes', ('class', 'objects', 'box AP', 'box AP50', found), rows)
    costs = {kind.__name__: cost for kind, cost in everything[0].fix_main_errors().items()}
    counts = {kind.__name__: len(errors) for kind, errors in shown.error_dict.items()}
    errors = Table(
        "Errors (TIDE's categories)",
        ('error', f'at score {LEAST_SCORE}', 'box AP50 that all of them cost'),
        [(words, counts[name], costs[name]) for name, words in CAUSES.items()],
    )
    names = [*classes, 'nothing']
    return Findings([by_class, errors], names, matrix, 'objects', _worst(shown, classes))


def _runs(
    results: Sequence[Result], classes: Sequence[str], least_score: float, thresholds: np.ndarray
) -> list[Any]:
    """tidecv's matching at each IoU; errors are named at the first."""
    from tidecv.data import Data
    from tidecv.quantify import TIDE, TIDERun

    truth, found = Data('truth'), Data('found')
    for label, name in enumerate(classes):
        truth.add_class(label, name)
    for index, result in enumerate(results):
        truth.add_image(index, str(index))
        for box, label in zip(result.objects, result.labels, strict=True):
            truth.add_ground_truth(index, int(label), [*box])
        for box, label in zip(result.crowds, result.crowd_labels, strict=True):
            truth.add_ignore_region(index, int(label), [*box])
        scored = zip(result.found, result.found_labels, result.scores, strict=True)
        for box, label, score in scored:
            if score >= least_score:
                found.add_detection(index, int(label), float(score), [*box])
    most = max((len(result.scores) for result in results), default=0)
    return [
        TIDERun(truth, found, threshold, BACKGROUND, TIDE.BOX, most, run_errors=number == 0)
        for number, threshold in enumerate(thresholds)
    ]


def _matrix(run: Any, right: np.ndarray) -> np.ndarray:
    """True class by predicted one, of ``right`` and the errors; the last row and column are of
    nothing."""
    matrix, nothing = np.diag([*right, 0]), len(right)
    confused = set()
    for error in run.errors:
        name = type(error).__name__
        if name == 'ClassError':
            confused.add(error.gt['_id'])
            matrix[error.gt['class'], error.pred['class']] += 1
        elif name != 'MissedError':
            matrix[nothing, error.pred['class']] += 1
    for label, lost in run.false_negatives.items():
        matrix[label, nothing] += sum(truth['_id'] not in confused for truth in lost)
    return matrix


def _worst(run: Any, classes: Sequence[str]) -> list[Picture]:
    """The pictures with most errors."""
    reasons = defaultdict(list)
    for error in run.errors:
        cause, name = CAUSES[type(error).__name__], type(error).__name__
        if name == 'MissedError':
            reasons[error.gt['image']].append(f'{cause}: {classes[error.gt["class"]]}')
            continue
        words = f'{cause}: {classes[error.pred["class"]]} ({error.pred["score"]:.2f})'
        if name == 'ClassError':
            words += f' on {classes[error.gt["class"]]}'
        reasons[error.pred['image']].append(words)
    order = sorted(reasons, key=lambda index: (-len(reasons[index]), index))
    return [Picture(index, reasons[index]) for index in order[:PICTURES]]
