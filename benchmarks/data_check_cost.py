"""What the check of data costs on a file as large as COCO's: seconds and memory of each level.

Makes an annotation file of 118,000 pictures and 860,000 annotations with polygons in a temporary
folder (the pictures are links to one flat JPEG of 640x480), and in a process of its own for each
row loads it with mmdet's CocoDataset or checks it at a level.

    python benchmarks/data_check_cost.py
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import log, machine, options

CLASSES = tuple(f'class {i}' for i in range(80))
LINKS = 20_000  # to one file; file systems allow some 65,000


def make(root: Path, pictures: int, annotations: int) -> None:
    """Write the annotation file and the pictures."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    (root / 'train').mkdir()
    names = [f'{i:012d}.jpg' for i in range(pictures)]
    for i, name in enumerate(names):
        if i % LINKS == 0:
            first = root / 'train' / name
            Image.new('RGB', (640, 480), (90, 90, 90)).save(first)
        else:
            os.link(first, root / 'train' / name)
    corners, sides = rng.uniform(0, 200, (2, annotations, 2)).round(2)
    sides += 20
    owner, label = rng.integers(0, pictures, annotations), rng.integers(0, 80, annotations)
    turns = np.linspace(0, 2 * np.pi, 25)[:-1]  # COCO's masks have 24 points on average
    circle = np.stack([np.cos(turns), np.sin(turns)], axis=1) / 2 + 0.5
    with open(root / 'train.json', 'w') as file:
        images = [
            {'id': i, 'file_name': n, 'width': 640, 'height': 480} for i, n in enumerate(names)
        ]
        categories = [{'id': i, 'name': name} for i, name in enumerate(CLASSES)]
        file.write(f'{{"images": {json.dumps(images)}, "categories": {json.dumps(categories)}')
        file.write(', "annotations": [')
        for i in range(annotations):
            polygon = (corners[i] + circle * sides[i]).round(2).ravel().tolist()
            one = {
                'id': i,
                'image_id': int(owner[i]),
                'category_id': int(label[i]),
                'bbox': [*corners[i].tolist(), *sides[i].tolist()],
                'area': float(sides[i].prod()),
                'iscrowd': 0,
                'segmentation': [polygon],
            }
            file.write((', ' if i else '') + json.dumps(one))
        file.write(']}')


def measure(root: Path, what: str) -> None:
    """Print the seconds and the peak of memory beyond what the imports take."""
    from mmengine.config import Config
    from mmengine.registry import DATASETS

    from heracles_mm.data_checks import check_data

    data = dict(
        type='CocoDataset',
        data_root=str(root),
        ann_file='train.json',
        data_prefix=dict(img='train/'),
        metainfo=dict(classes=CLASSES),
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
        ],
    )
    cfg = Config(dict(default_scope='mmdet', train_dataloader=dict(dataset=data), check_data=what))
    with DATASETS.switch_scope_and_registry('mmdet') as registry:
        registry.build({**data, 'lazy_init': True})
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        if what == 'mmdet':
            registry.build(data)
    if what != 'mmdet':
        check_data(cfg, ('train',), print)
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    label = "mmdet's own load" if what == 'mmdet' else f'--check-data {what}'
    print(f'{label:20} {seconds:8.1f} s {memory / 2**20:8.2f} GiB')


def main() -> None:
    levels = ['mmdet', 'off', 'sample', 'full']
    args = options(__doc__, pictures=118_000, annotations=860_000, levels=levels, root='')
    if args.root:  # of a process for one row
        measure(Path(args.root), *args.levels)
        return
    with tempfile.TemporaryDirectory() as root:
        make(Path(root), args.pictures, args.annotations)
        size = os.path.getsize(f'{root}/train.json') / 2**20
        print(machine())
        print(f'{args.pictures} pictures, {args.annotations} annotations, {size:.0f} MiB of JSON')
        for level in args.levels:
            log(level)
            command = [sys.executable, __file__, '--root', root, '--levels', level]
            print(
                subprocess.run(
                    command, check=True, text=True, stdout=subprocess.PIPE
                ).stdout.splitlines()[-1]
            )


if __name__ == '__main__':
    main()
