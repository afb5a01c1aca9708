"""mIoU beside what a constant prediction would score."""

from typing import Any

import torch
from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS

from heracles_mm.datasets.checked_options import check_options, options_of


@METRICS.register_module()
class FloorIoUMetric(IoUMetric):
    """mmseg's IoUMetric, which also gives the floor: the mIoU of the best constant prediction.

    A model has learnt something only where its mIoU is above ``floor``. Both are in percent, and
    NaN where no pixel is labelled.

    Args:
        classwise: also give ``IoU/<class>`` of every class (mmdet's word).
        **options: those of IoUMetric.

    Raises:
        TypeError: an option that does not exist.
    """

    def __init__(self, classwise: bool = False, **options: Any) -> None:
        allowed = ['classwise', 'keep_results', *options_of(IoUMetric)]  # mmseg's test.py --out
        check_options('FloorIoUMetric', options, allowed)
        super().__init__(**options)
        self.classwise = classwise

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Add ``floor`` and, if asked for, the classes to IoUMetric's."""
        metrics = super().compute_metrics(results)
        if self.format_only:
            return metrics
        intersect, union, _, label = (torch.stack(areas).double().sum(0) for areas in zip(*results))
        # The largest class's IoU is its share of the pixels, that of any other 0; one that occurs
        # nowhere has none and is left out of the mean, as mmseg does.
        floors = torch.where(label > 0, 0.0, torch.nan)
        floors[label.argmax()] = label.max() / label.sum()
        if self.nan_to_num is not None:
            floors = floors.nan_to_num(self.nan_to_num)
        metrics['floor'] = round(100 * floors.nanmean().item(), 2)
        if self.classwise:
            for name, iou in zip(self.dataset_meta['classes'], (intersect / union).tolist()):
                metrics[f'IoU/{name}'] = round(100 * iou, 2)
        return metrics
