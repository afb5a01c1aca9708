"""What is done to a sound COCO file and its config, for the tests of its checks."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from small_data import built

pytest.importorskip('mmdet')

import pycocotools.mask as coco_masks

STAGES = ('train', 'val')


def change(cfg, split='train', **lists):
    """Change the annotation file: each list is a value, or what makes one of the sound one."""
    path = f'{cfg[f"{split}_dataloader"].dataset.data_root}/{split}.json'
    with open(path) as file:
        content = json.load(file)
    for key, value in lists.items():
        content[key] = value(content[key]) if callable(value) else value
    with open(path, 'w') as file:
        json.dump(content, file)


def each(**fields):
    """Set these fields of every entry; a value may be made of the entry, None takes it away."""

    def changed(entries):
        for entry in entries:
            for key, value in fields.items():
                entry[key] = value(entry) if callable(value) else value
                if entry[key] is None:
                    del entry[key]
        return entries

    return changed


def annotations(**fields):
    return lambda cfg: change(cfg, annotations=each(**fields))


def run_lengths(width, height, compressed=True):
    def mask(one):
        rle = coco_masks.frPyObjects(one['segmentation'], height, width)[0]
        if compressed:
            return dict(size=rle['size'], counts=rle['counts'].decode())
        flat = coco_masks.decode(rle).ravel(order='F')
        edges = np.flatnonzero(np.diff(np.r_[0, flat])).tolist()
        return dict(size=[height, width], counts=np.diff([0, *edges, len(flat)]).tolist())

    return annotations(segmentation=mask)


def corners(one):
    x, y, w, h = one['bbox']
    return [x, y, x + w, y + h]


def exif_turned(cfg):
    exif = Image.Exif()
    exif[0x0112] = 6
    for i in range(1, 5):
        path = f'{cfg.train_dataloader.dataset.data_root}/train/train_{i}.jpg'
        Image.open(path).save(path, exif=exif.tobytes())


def removed(cfg):
    root = cfg.train_dataloader.dataset.data_root
    shutil.move(f'{root}/train/train_3.jpg', f'{root}/elsewhere.jpg')


def boxes_end_outside(cfg):
    sizes = [(item['inputs'].shape, item['data_samples']) for item in built(cfg, 'train')]
    ends = [sample.gt_instances.bboxes.tensor[:, 2:] for _, sample in sizes]
    return any(
        (end > torch.tensor(shape[:0:-1]) + 1).any()
        for end, (shape, _) in zip(ends, sizes, strict=True)
    )


def evaluator_of_training(cfg):
    cfg.val_evaluator.ann_file = f'{cfg.train_dataloader.dataset.data_root}/train.json'
