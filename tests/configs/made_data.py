"""One made picture with its labels, in the place of every data set that a config names."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from batches import SERIES
from mmengine.config import Config
from mmengine.registry import DATASETS
from signatures import registered

HEIGHT, WIDTH = 60, 80
PICTURES = 256
"""More than the largest batch of one process."""

ROOTS = (
    'COCO_ROOT',
    'ADE20K_ROOT',
    'IMAGENET_ROOT',
    'CIFAR10_ROOT',
    'CIFAR100_ROOT',
    'FLOWERS102_ROOT',
    'CARS_ROOT',
    'IMAGENETTE_ROOT',
    'PENN_FUDAN_ROOT',
    'CAMVID_ROOT',
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
    for name in ('instances_val2017.json', 'val.json'):  # of COCO and Penn-Fudan
        (folder / 'annotations' / name).write_text(nothing)
    series = _series()
    for name in ('ETTh1.csv', 'ETTh2.csv', 'series.csv'):
        (folder / name).write_text(series)


@contextmanager
def made_data(cfg: Config, folder: Path) -> Iterator[None]:
    """Inside, the data sets of ``cfg`` list the picture in ``folder`` instead of their own."""
    with registered(DATASETS, cfg) as data_sets, pytest.MonkeyPatch.context() as to:
        for split in ('train', 'val', 'test') if cfg.default_scope != 'mmengine' else ():
            data_set = data_sets.get(cfg[f'{split}_dataloader'].dataset.type)
            to.setattr(data_set, 'load_data_list', lambda self: _listed(self, folder))
        for task in ('detection', 'segmentation'):  # 1600 scenes would take minutes
            module = f'heracles_mm.datasets.{task}'
            if module in sys.modules:
                to.setattr(f'{module}.ensure_scenes', lambda spec: folder)
        yield


def _listed(data_set: Any, folder: Path) -> list[dict]:
    """What a data set of any of the libraries tells about a picture."""
    data_set.cat_ids, data_set.cat_img_map = [1], {1: [1]}  # CocoDataset.filter_data reads them
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
