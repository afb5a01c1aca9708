"""How well an exported file does on a config's own test data, by the library's own metric."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import DATASETS, DefaultScope
from mmengine.structures import InstanceData, PixelData

from heracles_mm.errors import UserError
from heracles_mm.runtime import ClassScores, Detections, LabelMap, Model
from heracles_mm.runtime.outcomes import Result

NUMBERS = (int, float, np.number)


class TestData:
    """The first pictures of a config's test data with their ground truth, and its metric.

    Args:
        cfg: with test_dataloader and test_evaluator.
        count: of pictures; 0 for all.

    Raises:
        UserError: the config has none of these, or a metric of panoptic maps.
    """

    __test__ = False  # no test of pytest's

    def __init__(self, cfg: Config, count: int = 0) -> None:
        if absent := [key for key in ('test_dataloader', 'test_evaluator') if not cfg.get(key)]:
            raise UserError(f'the accuracy is measured on test data: the config has no {absent[0]}')
        self.scope = cfg.get('default_scope', 'mmengine')
        self.evaluator_cfg = cfg.test_evaluator
        several = isinstance(self.evaluator_cfg, list)
        for metric in self.evaluator_cfg if several else [self.evaluator_cfg]:
            if str(metric.get('type')).endswith('PanopticMetric'):
                raise UserError(
                    f'a file holds instances and no panoptic map: leave {metric["type"]} out of '
                    'test_evaluator for its accuracy'
                )
        with DefaultScope.overwrite_default_scope(self.scope):
            self.dataset = DATASETS.build(cfg.test_dataloader.dataset)
        self.count = min(count or len(self.dataset), len(self.dataset))

    def measure(self, model: Model, note: Callable[[int, int], None]) -> dict[str, float]:
        """The metric's numbers.

        Args:
            model: whose task is the config's.
            note: told how many pictures of how many are done.
        """
        with DefaultScope.overwrite_default_scope(self.scope):
            evaluator = Evaluator(copy.deepcopy(self.evaluator_cfg))
            evaluator.dataset_meta = self.dataset.metainfo
            seen = []
            for index in range(self.count):
                sample = self.dataset[index]['data_samples']
                add(sample, model(self._picture(index)))
                evaluator.process([sample])
                seen.append(sample.get('img_id'))
                note(index + 1, self.count)
            for metric in evaluator.metrics:
                if hasattr(metric, 'img_ids'):  # of COCO's, which else counts all pictures
                    metric.img_ids = seen
            found: Mapping[str, Any] = evaluator.evaluate(self.count)
        numbers = {name: value for name, value in found.items() if isinstance(value, NUMBERS)}
        return {name: float(value) for name, value in numbers.items()}

    def _picture(self, index: int) -> Any:
        """A path, or the pixels of a data set that has no files."""
        info = self.dataset.get_data_info(index)
        return info['img_path'] if info.get('img_path') else info['img'][..., ::-1]


def add(sample: Any, result: Result) -> None:
    """Put a result into a sample of mmdet, mmseg or mmpretrain as its own prediction."""
    if isinstance(result, Detections):
        found = InstanceData(
            bboxes=torch.from_numpy(result.boxes),
            scores=torch.from_numpy(result.scores),
            labels=torch.from_numpy(result.labels),
        )
        if result.shares is not None:
            found.masks = torch.from_numpy(result.masks())
        sample.pred_instances = found
    elif isinstance(result, LabelMap):
        labels = torch.from_numpy(result.labels.astype(np.int64))
        sample.set_data({'pred_sem_seg': PixelData(data=labels[None])})
    elif isinstance(result, ClassScores):
        scores = torch.from_numpy(result.scores)
        sample.set_pred_score(scores).set_pred_label(scores.argmax(0, keepdim=True))
