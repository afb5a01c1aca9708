"""One made picture with its labels, in the place of every data set that a config names."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from batches import SERIES
from mmengine.config import Config
from mmengine.dataset import base_dataset
from mmengine.registry import DATASETS
from signatures import registered

from heracles_mm.data_checks.paths import inner_datasets

HEIGHT, WIDTH = 60, 80
PICTURES = 256
"""More than the largest batch of one process."""

GREY_ONE = 1 + 256 + 256**2
"""The id that the label map's colour is in panoptic data."""

ROOTS = (
    'COCO_ROOT',
    'ADE20K_ROOT',
    'IMAGENET_ROOT',
    'CIFAR10_ROOT',
    'CIFAR10_FOLDERS',
    'CIFAR100_ROOT',
    'FLOWERS102_ROOT',
    'CARS_ROOT',
    'IMAGENETTE_ROOT',
    'PENN_FUDAN_ROOT',
    'CAMVID_ROOT',
    'LVIS_ROOT',
    'CITYSCAPES_ROOT',
    'VOC_ROOT',
    'PICTURES',
    'TOKEN_LABELS',
    'ETT_ROOT',
    'CSV',
)
"""Environment variables that move a config's data."""


def make_data(folder: Path) -> None:
    """A picture, its label map for mmseg and for token labels, and lists of no annotations."""
    (folder / 'class').mkdir()
    cv2.imwrite(str(folder / 'class' / 'picture.png'), _picture())
    cv2.imwrite(str(folder / 'class' / 'labels.png'), np.ones((HEIGHT, WIDTH), np.uint8))
    ids = torch.arange(3.0)[:, None, None].expand(3, 4, 4)
    torch.save(torch.stack([torch.rand(3, 4, 4), ids]), folder / 'class' / 'picture.pt')
    (folder / 'car_ims').mkdir()  # StanfordCars looks for its files before it lists them
    (folder / 'cars_annos.mat').touch()
    (folder / 'annotations').mkdir()
    nothing = json.dumps(dict(images=[], annotations=[], categories=[]))
    for name in ('instances_val2017', 'panoptic_val2017', 'lvis_v1_val', 'val'):  # of Penn-Fudan
        (folder / 'annotations' / f'{name}.json').write_text(nothing)
    (folder / 'VOC2012' / 'JPEGImages').mkdir(parents=True)  # PascalVOCDataset looks for its files
    (folder / 'VOC2012' / 'ImageSets' / 'Segmentation').mkdir(parents=True)
    for name in ('train', 'aug', 'val'):
        (folder / 'VOC2012' / 'ImageSets' / 'Segmentation' / f'{name}.txt').touch()
    series = _series()
    for name in ('ETTh1.csv', 'ETTh2.csv', 'series.csv'):
        (folder / name).write_text(series)


@contextmanager
def made_data(cfg: Config, folder: Path) -> Iterator[None]:
    """Inside, the data sets of ``cfg`` list the picture in ``folder`` instead of their own."""
    with registered(DATASETS, cfg.default_scope) as data_sets, pytest.MonkeyPatch.context() as to:
        to.setattr(base_dataset, 'gc', SimpleNamespace(collect=int))  # of all objects, each time
        for split in ('train', 'val', 'test') if cfg.default_scope != 'mmengine' else ():
            for _, options in inner_datasets(cfg[f'{split}_dataloader'], ''):
                data_set = data_sets.get(options.type)
                to.setattr(data_set, 'load_data_list', lambda self: _listed(self, folder))
        for task in ('detection', 'segmentation'):  # 1600 scenes would take minutes
            module = f'heracles_mm.datasets.{task}'
            if module in sys.modules:
                to.setattr(f'{module}.ensure_scenes', lambda spec: folder)
        yield


def _listed(data_set: Any, folder: Path) -> list[dict]:
    """What a data set of any of the libraries tells about a picture."""
    data_set.cat_ids, data_set.cat_img_map = [1], {1: [1]}  # CocoDataset.filter_data reads them
    getattr(data_set, 'bbox_min_size', None)  # as VOCDataset reads it with each file
    x1, y1, x2, y2 = box = [10, 10, 70, 50]
    polygon = [x1, y1, x2, y1, x2, y2, x1, y2]
    picture = dict(
        img=_picture(),
        img_path=str(folder / 'class' / 'picture.png'),
        img_id=1,
        height=HEIGHT,
        width=WIDTH,
        instances=[dict(bbox=box, bbox_label=0, mask=[polygon], ignore_flag=0)],
        gt_label=3,
        seg_map_path=str(folder / 'class' / 'labels.png'),
        label_map=None,
        reduce_zero_label=True,
        seg_fields=[],
        segments_info=[dict(id=GREY_ONE, category=0, is_thing=True)],
    )
    return [picture] * PICTURES


def _series() -> str:
    """A CSV of 20 months of 30 days, hourly."""
    rows = 20 * 30 * 24
    times = np.datetime64('2016-07-01', 's') + np.arange(rows) * np.timedelta64(3600, 's')
    values = np.random.default_rng(0).standard_normal((rows, SERIES)).cumsum(0).round(3)
    lines = (f'{time},{",".join(map(str, row))}' for time, row in zip(times, values))
    return '\n'.join(['date,a,b,c', *lines])


def _picture() -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(HEIGHT, WIDTH, 3), dtype=np.uint8)
