"""What a report says is what an oracle, or counting by hand, says."""

import io
import math
from contextlib import redirect_stdout

import numpy as np
import pytest
import torch

pytest.importorskip('matplotlib', reason='reports draw with matplotlib, which comes with mmdet')

from heracles_mm.errors import UserError
from heracles_mm.reports import box_report, class_report, label_map_report
from heracles_mm.reports.collecting import ReportMetric

NAMES = ['bag', 'shoe', 'coat']


def rows(findings, number=0):
    """Name -> the other cells, of a table."""
    return {row[0]: [*row[1:]] for row in findings.tables[number].rows}


def test_a_classifiers_classes_and_its_surest_mistakes():
    scores = torch.tensor(
        [[0.8, 0.1, 0.1], [0.1, 0.9, 0.0], [0.6, 0.4, 0.0], [0.1, 0.2, 0.7], [0.0, 1.0, 0.0]]
    )
    samples = [
        dict(gt_label=torch.tensor([truth]), pred_score=score)
        for truth, score in zip([0, 0, 1, 1, 1], scores, strict=True)
    ]
    findings = class_report.find([class_report.read(sample, NAMES) for sample in samples], NAMES)
    assert findings.matrix.tolist() == [[1, 1, 0], [1, 1, 1], [0, 0, 0]]
    found = rows(findings)
    assert [*found] == ['shoe', 'bag', 'coat']  # the worst first, and last what was not there
    assert found['bag'] == [2, 50.0, 50.0, 'shoe (1)']
    assert math.isnan(found['coat'][1])
    assert [picture.index for picture in findings.worst] == [1, 3, 2]
    assert findings.worst[0].reasons == ['bag (0.10) taken for shoe (0.90)']
    with pytest.raises(UserError, match='one class each'):
        class_report.read(dict(gt_label=torch.tensor([0, 1]), pred_score=scores[0]), NAMES)


def test_a_segmentors_iou_is_intersection_over_union():
    """Of the pixels of all pictures together, beside those without a class."""
    rng = np.random.default_rng(0)
    truths, found = rng.integers(3, size=(2, 4, 1, 5, 6))
    truths[rng.random(truths.shape) < 0.2] = 255
    found[3] = np.where(truths[3] < 3, truths[3], 0)  # one picture is perfect
    results = [
        label_map_report.read(
            {
                'gt_sem_seg': {'data': torch.from_numpy(truth.astype(np.uint8))},
                'pred_sem_seg': {'data': torch.from_numpy(one)},
            },
            NAMES,
        )
        for truth, one in zip(truths, found, strict=True)
    ]
    findings = label_map_report.find(results, NAMES)
    counted = truths < 3
    assert findings.matrix.sum() == counted.sum()
    for label, name in enumerate(NAMES):
        real, seen = (truths == label) & counted, (found == label) & counted
        share, iou, accuracy = rows(findings)[name]
        assert iou == pytest.approx(100 * (real & seen).sum() / (real | seen).sum())
        assert accuracy == pytest.approx(100 * (real & seen).sum() / real.sum())
        assert share == pytest.approx(100 * real.sum() / counted.sum())
    assert sorted(picture.index for picture in findings.worst) == [0, 1, 2]
    means = [float(picture.reasons[0].split()[2]) for picture in findings.worst]
    assert means == sorted(means)


def detection(objects, found, crowds=()):
    """Rows of x1, y1, x2, y2, label (, score) as mmdet's evaluators get them."""

    def fields(rows):
        table = torch.tensor(rows) if rows else torch.zeros(0, 6)
        return dict(bboxes=table[:, :4], labels=table[:, 4].long(), scores=table[:, -1])

    truth, ignored, seen = map(fields, (objects, crowds, found))
    return dict(gt_instances=truth, ignored_instances=ignored, pred_instances=seen)


def found_in(*samples):
    pytest.importorskip('tidecv', reason='the extra report is not installed')
    return box_report.find([box_report.read(sample, NAMES) for sample in samples], NAMES)


def test_each_error_of_a_detector_has_its_name():
    bag = (0, 0, 20, 20, 0)
    cases = {
        'missed: bag': [],
        'wrong class: shoe (0.90) on bag': [(0, 0, 20, 20, 1, 0.9)],
        'wrong box: bag (0.90)': [(0, 0, 20, 8, 0, 0.9)],
        'wrong class and box: shoe (0.90)': [(0, 0, 20, 8, 1, 0.9), (0, 0, 20, 20, 0, 0.95)],
        'found twice: bag (0.90)': [(0, 0, 20, 20, 0, 0.95), (0, 0, 20, 19, 0, 0.9)],
        'nothing there: coat (0.90)': [(0, 0, 20, 20, 0, 0.95), (50, 50, 60, 60, 2, 0.9)],
        None: [(0, 0, 20, 20, 0, 0.9), (50, 50, 60, 60, 2, 0.4)],  # below what is shown
    }
    findings = found_in(*(detection([bag], found) for found in cases.values()))
    said = {picture.index: [*picture.reasons] for picture in findings.worst}
    for index, reason in enumerate(cases):
        assert said.get(index, [None])[0] == reason
    assert {name: row[0] for name, row in rows(findings, 1).items()} == {
        'missed': 1,
        'wrong class': 1,
        'wrong box': 1,
        'wrong class and box': 1,
        'found twice': 1,
        'nothing there': 1,
    }
    assert rows(findings)['bag'][0] == 7
    assert rows(findings)['bag'][3] == pytest.approx(100 * 4 / 7)
    nothing = 3
    assert findings.names[nothing] == 'nothing'
    assert findings.matrix[0].tolist() == [4, 1, 0, 2]  # found, taken for a shoe, missed
    assert findings.matrix[nothing].tolist() == [2, 1, 1, 0]


def test_a_detectors_ap_is_cocos():
    """pycocotools, on detections that are moved objects, some of other classes, and a crowd."""
    pytest.importorskip('pycocotools')
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rng = np.random.default_rng(0)
    samples, truth, seen = [], [], []
    for image in range(12):
        corners = rng.uniform(0, 60, (4, 2))
        boxes = np.concatenate([corners, corners + rng.uniform(10, 40, (4, 2))], 1)
        labels = rng.integers(3, size=4)
        moved = boxes + rng.normal(0, 2, boxes.shape)
        guessed = np.where(rng.random(4) < 0.8, labels, rng.integers(3, size=4))
        scores = rng.random(4)
        crowd = image % 3 == 0
        objects = np.column_stack([boxes, labels])
        samples.append(
            detection(
                objects[crowd:].tolist(),
                np.column_stack([moved, guessed, scores]).tolist(),
                objects[:crowd].tolist(),
            )
        )
        for number, (box, label) in enumerate(zip(boxes, labels, strict=True)):
            width, height = box[2:] - box[:2]
            ignored = int(crowd and number == 0)
            one = dict(id=len(truth) + 1, image_id=image, category_id=int(label), iscrowd=ignored)
            truth.append(one | dict(bbox=[*box[:2], width, height], area=width * height))
        for box, label, score in zip(moved, guessed, scores, strict=True):
            one = dict(image_id=image, category_id=int(label), score=float(score))
            seen.append(one | dict(bbox=[*box[:2], *(box[2:] - box[:2])]))
    with redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = dict(
            images=[dict(id=image, width=100, height=100) for image in range(12)],
            categories=[dict(id=label, name=name) for label, name in enumerate(NAMES)],
            annotations=truth,
        )
        coco.createIndex()
        oracle = COCOeval(coco, coco.loadRes(seen), 'bbox')
        oracle.evaluate()
        oracle.accumulate()
    precision = oracle.eval['precision'][:, :, :, 0, -1]  # (IoUs, recalls, classes)
    by_class = rows(found_in(*samples))
    for label, name in enumerate(NAMES):
        assert by_class[name][1] == pytest.approx(100 * precision[..., label].mean(), abs=0.3)
        assert by_class[name][2] == pytest.approx(100 * precision[0, :, label].mean(), abs=0.3)


def test_pictures_without_objects_or_detections_are_no_obstacle():
    bag = detection([(0.0, 0, 9, 9, 0)], [(0, 0, 9, 9, 0, 0.8)])
    findings = found_in(detection([], []), detection([], [(0, 0, 9, 9, 1, 0.8)]), bag)
    assert findings.matrix.sum() == 2
    assert [picture.index for picture in findings.worst] == [1]
    with pytest.raises(UserError, match='of instances'):
        found_in(dict(gt_instances=bag['gt_instances'], pred_panoptic_seg={}))
    with pytest.raises(UserError, match='no object'):
        found_in(detection([], []))


def test_what_a_report_cannot_be_of():
    with pytest.raises(UserError, match='not for mmaction'):
        ReportMetric('mmaction', NAMES)
    with pytest.raises(UserError, match=r'no ground truth \(gt_label\)'):
        ReportMetric('mmpretrain', NAMES).process({}, [dict(pred_score=torch.ones(3))])


def test_without_tide_its_name_is_said(monkeypatch):
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(UserError, match=r'heracles-mm\[report\]'):
        ReportMetric('mmdet', NAMES)
