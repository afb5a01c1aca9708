"""COCO metrics for the scenes, and what a model's boxes alone would score as masks."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pycocotools.mask as mask_utils
from mmdet.datasets.api_wrappers import COCO
from mmdet.evaluation import CocoMetric
from mmdet.registry import METRICS
from mmengine.logging import print_log

from heracles_mm.datasets.cache import ensure_scenes
from heracles_mm.datasets.checked_options import check_options, options_of
from heracles_mm.datasets.spec import ScenesSpec
from heracles_mm.errors import UsageError


class _SceneAwareCocoMetric(CocoMetric):
    """A CocoMetric that finds the scenes' ground truth through the data set it evaluates."""

    _coco_api: Any

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        scenes = dict((self.dataset_meta or {}).get('scenes', {}))
        if self._coco_api is None and scenes:
            split = scenes.pop('split')
            folder = ensure_scenes(ScenesSpec(**scenes))
            self._coco_api = COCO(str(folder / f'annotations/instances_{split}.json'))
        super().process(data_batch, data_samples)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """As CocoMetric, but a model that finds nothing scores 0 instead of nothing at all."""
        if not any(len(prediction['labels']) for _, prediction in results):
            print_log('no prediction at all: every AP is 0', 'current', logging.WARNING)
            truth, prediction = results[0]
            # One empty box of score 0, since pycocotools refuses an empty list of predictions.
            empty: dict[str, Any] = {
                'bboxes': np.zeros((1, 4), np.float32),
                'scores': np.zeros(1, np.float32),
                'labels': np.zeros(1, np.int64),
            }
            if 'masks' in prediction:
                empty['masks'] = fill_boxes(empty['bboxes'], truth['height'], truth['width'])
            if 'mask_scores' in prediction:
                empty['mask_scores'] = empty['scores']
            results = [(truth, prediction | empty), *results[1:]]
        return super().compute_metrics(results)


@METRICS.register_module()
class ScenesMetric(_SceneAwareCocoMetric):
    """CocoMetric for ScenesDataset: needs no path, measures boxes and masks.

    Args:
        metric: 'bbox', 'segm' or both (the default), as CocoMetric's.
        **options: CocoMetric's other options, save ``ann_file``.

    Raises:
        TypeError: an option that does not exist.
        ValueError: the evaluated data set is not a ScenesDataset.
    """

    def __init__(self, metric: str | Sequence[str] = ('bbox', 'segm'), **options: Any) -> None:
        check_options('ScenesMetric', options, options_of(CocoMetric, 'ann_file'))
        super().__init__(metric=[metric] if isinstance(metric, str) else list(metric), **options)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        if 'scenes' not in (self.dataset_meta or {}):
            raise UsageError(
                'ScenesMetric evaluates ScenesDataset only; for another data set use '
                'CocoMetric with its ann_file'
            )
        super().process(data_batch, data_samples)


@METRICS.register_module()
class FilledBoxMetric(_SceneAwareCocoMetric):
    """Mask AP of the model's own boxes, filled in: what a mask head must beat.

    Every predicted mask is replaced by its predicted box; score, label and ground truth stay.
    Works with every detector and every COCO-form data set, also beside CocoMetric or ScenesMetric:
    results are named ``filled_box/segm_mAP`` and so on.

    Args:
        **options: CocoMetric's, save ``metric``; ScenesDataset needs no ``ann_file``.

    Raises:
        TypeError: an option that does not exist.
    """

    default_prefix = 'filled_box'

    def __init__(self, **options: Any) -> None:
        check_options('FilledBoxMetric', options, options_of(CocoMetric, 'metric'))
        super().__init__(metric='segm', **options)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        filled = []
        for sample in data_samples:
            height, width = sample['ori_shape'][:2]
            predictions = sample['pred_instances']
            masks = fill_boxes(predictions['bboxes'].detach().cpu().numpy(), height, width)
            predictions = {**dict(predictions.items()), 'masks': masks}
            filled.append({**sample, 'pred_instances': predictions})
        super().process(data_batch, filled)


def fill_boxes(boxes: np.ndarray, height: int, width: int) -> list[dict]:
    """Masks of filled boxes: the pixels whose centre lies in the box, cut at the picture's edge.

    Pixel (x, y) has its centre at (x + 0.5, y + 0.5). A box without any centre, or with NaN,
    gives an empty mask. Boxes are (n, 4) x1, y1, x2, y2 in px, masks n compressed run lengths.
    """
    if len(boxes) == 0:
        return []
    limits = np.array([width, height, width, height])
    boxes = np.where(np.isnan(boxes).any(axis=1, keepdims=True), 0.0, boxes.astype(np.float64))
    edges = np.clip(np.ceil(boxes - 0.5), 0, limits)
    edges[:, 2:] = np.maximum(edges[:, 2:] - edges[:, :2], 0)  # x1, y1, w, h
    return mask_utils.frPyObjects(edges, height, width)
