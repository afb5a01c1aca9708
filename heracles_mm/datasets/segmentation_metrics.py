"""mIoU beside what a constant prediction would score."""

import inspect
from typing import Any

import torch
from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS
from torch import Tensor

from heracles_mm.datasets.checked_options import reject_unknown


@METRICS.register_module()
class FloorIoUMetric(IoUMetric):
    """mmseg's IoUMetric, which also gives the floor: the mIoU of the best constant prediction.

    A model has learnt something only where its mIoU is above ``floor``. Both are in percent, as
    mmseg's.

    Args:
        classwise: also give ``IoU/<class>`` of every class (mmdet's word).
        **options: those of IoUMetric.

    Raises:
        TypeError: an option that does not exist.
    """

    def __init__(self, classwise: bool = False, **options: Any) -> None:
        allowed = [
            name
            for name, parameter in inspect.signature(IoUMetric).parameters.items()
            if parameter.kind is not parameter.VAR_KEYWORD  # it swallows what it does not know
        ]
        reject_unknown('FloorIoUMetric', set(options) - set(allowed), ['classwise', *allowed])
        super().__init__(**options)
        self.classwise = classwise

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Add ``floor`` and, if asked for, the classes to IoUMetric's."""
        metrics = super().compute_metrics(results)
        if self.format_only:
            return metrics
        intersect, union, _, label = (torch.stack(areas).double().sum(0) for areas in zip(*results))
        metrics['floor'] = round(100 * floor_miou(label, self.nan_to_num), 2)
        if self.classwise:
            for name, iou in zip(self.dataset_meta['classes'], (intersect / union).tolist()):
                metrics[f'IoU/{name}'] = round(100 * iou, 2)
        return metrics


def floor_miou(label_areas: Tensor, nan_to_num: float | None = None) -> float:
    """The best mIoU that one class predicted everywhere can reach.

    The class of the largest area is the best one: its IoU is its share of the pixels, every other
    class's is 0, and a class that occurs nowhere has none and is left out of the mean, as mmseg
    does.

    Args:
        label_areas: (C,), pixels of each class in the ground truth, ignored pixels not counted.
        nan_to_num: what a class without an IoU counts as instead of being left out.

    Returns:
        0 to 1; NaN where no pixel is labelled.
    """
    ious = torch.where(label_areas > 0, 0.0, torch.nan)
    ious[label_areas.argmax()] = label_areas.max() / label_areas.sum()
    if nan_to_num is not None:
        ious = ious.nan_to_num(nan_to_num)
    return ious.nanmean().item()
