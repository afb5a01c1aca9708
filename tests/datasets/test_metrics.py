"""What the metrics say of predictions whose worth is known."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pycocotools.mask as mask_utils
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

from heracles_mm.datasets import ScenesSpec
from heracles_mm.datasets.detection import ScenesDataset
from heracles_mm.datasets.metrics import FilledBoxMetric, ScenesMetric, fill_boxes

PIPELINE = [
    {'type': 'LoadImageFromFile'},
    {'type': 'LoadAnnotations', 'with_bbox': True, 'with_mask': True},
    {'type': 'PackDetInputs'},
]
AP_ITEMS = ['mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l']

Predict = Callable[[DetDataSample], InstanceData]


@pytest.fixture(autouse=True)
def mmdet_scope():
    with DefaultScope.overwrite_default_scope('mmdet'):
        yield


@pytest.fixture
def dataset(spec: ScenesSpec) -> ScenesDataset:
    return ScenesDataset('val', pipeline=PIPELINE, test_mode=True, **spec.as_dict())


def perfect(sample: DetDataSample) -> InstanceData:
    truth = sample.gt_instances
    return InstanceData(
        bboxes=truth.bboxes.tensor,
        labels=truth.labels,
        scores=torch.ones(len(truth)),
        masks=torch.from_numpy(truth.masks.masks).bool(),
    )


def perfect_boxes(sample: DetDataSample) -> InstanceData:
    predictions = perfect(sample)
    del predictions.masks
    return predictions


def nothing(sample: DetDataSample) -> InstanceData:
    return perfect(sample)[:0]


def evaluate(metrics: list[Any], dataset: ScenesDataset, predict: Predict) -> dict[str, float]:
    evaluator = Evaluator(metrics)
    evaluator.dataset_meta = dataset.metainfo
    for loaded in dataset:
        sample = loaded['data_samples']
        sample.pred_instances = predict(sample)
        evaluator.process(data_samples=[sample], data_batch=None)
    return evaluator.evaluate(len(dataset))


def test_perfect_predictions_score_one_and_their_boxes_less(dataset: ScenesDataset) -> None:
    both: list[Any] = [{'type': 'FilledBoxMetric'}, {'type': 'ScenesMetric'}]
    scores = evaluate(both, dataset, perfect)
    assert scores['coco/bbox_mAP'] == scores['coco/segm_mAP'] == 1.0
    # A garment fills roughly two thirds of its box, so its filled box passes the IoU thresholds
    # up to about 0.65 of 0.5 to 0.95: clearly above nothing, clearly below one.
    assert 0.3 < scores['filled_box/segm_mAP'] < 0.7
    assert set(scores) == {
        f'{kind}_{item}'
        for kind in ('coco/bbox', 'coco/segm', 'filled_box/segm')
        for item in AP_ITEMS
    }


def test_filled_boxes_recall_the_objects_that_fill_their_box(
    dataset: ScenesDataset, coco_json: Callable[[str], dict]
) -> None:
    # The IoU of a mask with its own tight box is area / (w * h): recall follows from the file.
    ratios: dict[int, list[float]] = {}
    for annotation in coco_json('val')['annotations']:
        _, _, w, h = annotation['bbox']
        ratios.setdefault(annotation['category_id'], []).append(annotation['area'] / (w * h))
    thresholds = np.linspace(0.5, 0.95, 10)
    expected = np.mean([[np.mean(np.array(r) >= t) for t in thresholds] for r in ratios.values()])
    metric = FilledBoxMetric(metric_items=['AR@100'])
    scores = evaluate([metric], dataset, perfect)
    # A filled box may match another object of the class a little better; that is rare.
    assert scores['filled_box/segm_AR@100'] == pytest.approx(expected, abs=0.02)


def test_boxes_alone_are_enough_for_the_filled_box_metric(dataset: ScenesDataset) -> None:
    with_masks = evaluate([FilledBoxMetric()], dataset, perfect)
    assert evaluate([FilledBoxMetric()], dataset, perfect_boxes) == with_masks


def test_a_coco_file_gives_the_same_as_the_scenes(dataset: ScenesDataset, folder: Path) -> None:
    ann_file = str(folder / 'annotations/instances_val.json')
    by_path = evaluate([FilledBoxMetric(ann_file=ann_file)], dataset, perfect)
    assert by_path == evaluate([FilledBoxMetric()], dataset, perfect)


def test_predictions_are_left_as_they_are(dataset: ScenesDataset) -> None:
    sample = dataset[0]['data_samples']
    sample.pred_instances = perfect(sample)
    before = sample.pred_instances.masks.clone()
    metric = FilledBoxMetric()
    metric.dataset_meta = dataset.metainfo
    content = sample.to_dict()
    metric.process(None, [content])
    assert torch.equal(content['pred_instances']['masks'], before)


@pytest.mark.parametrize('metric', [ScenesMetric, FilledBoxMetric])
def test_no_prediction_at_all_scores_zero(dataset: ScenesDataset, metric: type) -> None:
    # Plain CocoMetric returns no key here, and whoever reads mAP falls over it.
    scores = evaluate([metric(metric_items=['mAP', 'mAP_50'])], dataset, nothing)
    assert scores and set(scores.values()) == {0.0}


def test_no_box_from_a_detector_without_masks_scores_zero(dataset: ScenesDataset) -> None:
    metric = ScenesMetric(metric='bbox', metric_items=['mAP'])
    assert evaluate([metric], dataset, lambda s: perfect_boxes(s)[:0]) == {'coco/bbox_mAP': 0.0}


def test_wrong_labels_score_zero(dataset: ScenesDataset) -> None:
    def mislabelled(sample: DetDataSample) -> InstanceData:
        predictions = perfect(sample)
        predictions.labels = (predictions.labels + 1) % 5
        return predictions

    assert evaluate([ScenesMetric()], dataset, mislabelled)['coco/segm_mAP'] < 0.2


def test_a_filled_box_holds_the_pixels_whose_centre_it_holds() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(-8, 28, (400, 2, 2))
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    boxes[::4] = np.round(boxes[::4] * 2) / 2  # whole and half pixels: the cases of a tie
    y, x = np.mgrid[:18, :22] + 0.5
    for box, rle in zip(boxes, fill_boxes(boxes, 18, 22), strict=True):
        # A centre on the left or top side is inside, on the right or bottom side outside.
        expected = (x >= box[0]) & (x < box[2]) & (y >= box[1]) & (y < box[3])
        assert np.array_equal(mask_utils.decode(rle), expected)


def test_boxes_that_hold_nothing_give_empty_masks() -> None:
    boxes = np.array(
        [
            [5, 5, 5, 9],  # no width
            [9, 9, 5, 5],  # turned round
            [30, 30, 40, 40],  # beside the picture
            [5.6, 5.6, 6.4, 6.4],  # between the centres
            [np.nan, 0, 9, 9],
        ]
    )
    for rle in fill_boxes(boxes, 20, 20):
        assert rle['size'] == [20, 20] and mask_utils.area(rle) == 0
    assert fill_boxes(np.zeros((0, 4)), 20, 20) == []
    everything = fill_boxes(np.array([[-np.inf, -1e9, np.inf, 1e9]]), 20, 20)
    assert mask_utils.area(everything[0]) == 400


def test_float16_boxes_are_rounded_as_float64() -> None:
    box = torch.tensor([[2.5, 3.5, 7.5, 8.5]], dtype=torch.float16).numpy()
    assert mask_utils.area(fill_boxes(box, 20, 20)[0]) == 25


@pytest.mark.parametrize(
    ('make', 'said'),
    [
        (lambda: ScenesMetric(classwize=True), 'ScenesMetric has no option classwize; it has metr'),
        (lambda: ScenesMetric(ann_file='x.json'), 'ScenesMetric has no option ann_file'),
        (
            lambda: FilledBoxMetric(metric='bbox'),
            'FilledBoxMetric has no option metric; it has ann',
        ),
    ],
)
def test_a_wrong_option_is_named(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        make()


def test_another_data_set_is_refused() -> None:
    metric = ScenesMetric()
    metric.dataset_meta = {'classes': ('cat',)}
    with pytest.raises(ValueError, match='ScenesMetric evaluates ScenesDataset only'):
        metric.process(None, [])
