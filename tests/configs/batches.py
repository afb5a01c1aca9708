"""A batch for a model of each library, as its data sets give it to the preprocessor."""

import math

import numpy as np
import torch
from mmengine.structures import InstanceData, PixelData

SIDE = 64
SERIES = 3
"""Columns of a CSV."""


def pictures(count: int) -> list[torch.Tensor]:
    return [torch.randint(256, (3, SIDE, SIDE), dtype=torch.uint8) for _ in range(count)]


def detection(count: int) -> dict:
    """Pictures with one square object each, and stuff around it."""
    from mmdet.structures import DetDataSample
    from mmdet.structures.bbox import HorizontalBoxes
    from mmdet.structures.mask import BitmapMasks

    samples = []
    for number in range(count):
        sample = DetDataSample(
            metainfo=dict(
                img_id=number,
                img_shape=(SIDE, SIDE),
                ori_shape=(SIDE, SIDE),
                scale_factor=(1.0, 1.0),
            )
        )
        mask = np.zeros((1, SIDE, SIDE), np.uint8)
        mask[0, 10:40, 20:60] = 1
        sample.gt_instances = InstanceData(
            bboxes=HorizontalBoxes(torch.tensor([[20.0, 10.0, 60.0, 40.0]])),
            labels=torch.tensor([0]),
            masks=BitmapMasks(mask, SIDE, SIDE),
        )
        sample.ignored_instances = InstanceData(
            bboxes=HorizontalBoxes(torch.zeros(0, 4)), labels=torch.zeros(0, dtype=torch.long)
        )
        around = torch.from_numpy(1 - mask.astype(np.int64))
        sample.gt_sem_seg = PixelData(sem_seg=80 * around)  # for panoptic heads
        samples.append(sample)
    return dict(inputs=pictures(count), data_samples=samples)


def segmentation(count: int) -> dict:
    """Pictures of two halves, of class 0 and 1."""
    from mmseg.structures import SegDataSample

    samples = []
    for _ in range(count):
        sample = SegDataSample(metainfo=dict(img_shape=(SIDE, SIDE), ori_shape=(SIDE, SIDE)))
        labels = torch.zeros(1, SIDE, SIDE, dtype=torch.long)
        labels[..., SIDE // 2 :] = 1
        sample.gt_sem_seg = PixelData(data=labels)
        samples.append(sample)
    return dict(inputs=pictures(count), data_samples=samples)


def classification(count: int) -> dict:
    """Pictures with a class and, for a TokenLabelHead, a label map of three classes each."""
    from mmpretrain.structures import DataSample

    cells = math.ceil(SIDE / 32)
    samples = []
    for label in range(count):
        sample = DataSample().set_gt_label(label)
        sample.set_field(torch.arange(3), 'token_ids')
        sample.set_field(torch.randn(3), 'class_scores')
        sample.set_field(torch.randn(3, cells, cells), 'token_scores')
        samples.append(sample)
    return dict(inputs=pictures(count), data_samples=samples)


def forecasting(count: int) -> dict:
    """Windows of several series."""
    return dict(inputs=torch.randn(count, 96, SERIES), targets=torch.randn(count, 96, SERIES))


BATCHES = {
    'mmdet': detection,
    'mmengine': forecasting,
    'mmpretrain': classification,
    'mmseg': segmentation,
}
"""``default_scope`` to the function that makes its batch."""
