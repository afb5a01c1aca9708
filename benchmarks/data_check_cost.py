"""What the checks before a run cost on files as large as COCO's: seconds and memory of each.

Makes annotation files of 118,000 pictures to train on, with 860,000 annotations with polygons, and
of a twentieth of them to evaluate on, in a temporary folder (the pictures are links to one flat
JPEG of 640x480). In a process of its own each row loads the first file with mmdet's CocoDataset,
checks it at a level, or starts mask_rcnn_heracles_s_coco.py up to its first step: "start" without
the rehearsal and "rehearsal" with it.

    python benchmarks/data_check_cost.py
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from common import log, machine, options

from heracles_mm import config_path

CONFIG = config_path('mask_rcnn_heracles_s_coco')
LABELS = {
    'mmdet': "mmdet's own load",
    'start': 'a start without rehearsal',
    'rehearsal': 'a start with it',
}
LINKS = 20_000  # to one file; file systems allow some 65,000


def make(root: Path, split: str, pictures: int, annotations: int) -> None:
    """Write the annotation file of ``split`` and its pictures."""
    import numpy as np
    from mmdet.datasets import CocoDataset
    from PIL import Image

    rng = np.random.default_rng(0)
    folder, path = root / f'{split}2017', root / f'annotations/instances_{split}2017.json'
    folder.mkdir()
    path.parent.mkdir(exist_ok=True)
    names = [f'{i:012d}.jpg' for i in range(pictures)]
    for i, name in enumerate(names):
        if i % LINKS == 0:
            first = folder / name
            Image.new('RGB', (640, 480), (90, 90, 90)).save(first)
        else:
            os.link(first, folder / name)
    corners, sides = rng.uniform(0, 200, (2, annotations, 2)).round(2)
    sides += 20
    owner, label = rng.integers(0, pictures, annotations), rng.integers(0, 80, annotations)
    turns = np.linspace(0, 2 * np.pi, 25)[:-1]  # COCO's masks have 24 points on average
    circle = np.stack([np.cos(turns), np.sin(turns)], axis=1) / 2 + 0.5
    with open(path, 'w') as file:
        images = [
            {'id': i, 'file_name': n, 'width': 640, 'height': 480} for i, n in enumerate(names)
        ]
        categories = [
            {'id': i, 'name': name} for i, name in enumerate(CocoDataset.METAINFO['classes'])
        ]
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


def load_or_check(what: str) -> Callable[[], object]:
    """Return what loads the data of training or checks them."""
    from mmdet.registry import DATASETS
    from mmengine.config import Config

    from heracles_mm.data_checks import check_data

    cfg = Config.fromfile(CONFIG)
    cfg.check_data = what
    lazy = {**cfg.train_dataloader.dataset, 'lazy_init': True}
    with DATASETS.switch_scope_and_registry('mmdet'):
        data = DATASETS.build(lazy)
    return data.full_init if what == 'mmdet' else lambda: check_data(cfg, ('train',), print)


def start(rehearsed: bool) -> Callable[[], object]:
    """Return what starts a training and ends it at its first step."""
    import mmdet.engine  # noqa: F401
    from mmengine.config import Config
    from mmengine.runner import EpochBasedTrainLoop, Runner

    EpochBasedTrainLoop.run_epoch = lambda self: setattr(self, 'stop_training', True)  # type: ignore
    cfg = Config.fromfile(CONFIG)
    cfg.update(check_data='off', work_dir=os.environ['COCO_ROOT'])
    cfg.custom_hooks = [dict(type='RehearsalHook', enabled=rehearsed)]
    return lambda: Runner.from_cfg(cfg).train()


def measure(what: str) -> None:
    """Print the seconds and the peak of memory beyond what the imports take."""
    run = start(what == 'rehearsal') if what in ('start', 'rehearsal') else load_or_check(what)
    before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    run()
    seconds = time.perf_counter() - begin
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(
        f'{LABELS.get(what, f"--check-data {what}"):32} {seconds:8.1f} s {memory / 2**20:8.2f} GiB'
    )


def main() -> None:
    rows = ['mmdet', 'off', 'sample', 'full', 'start', 'rehearsal']
    args = options(__doc__, pictures=118_000, annotations=860_000, levels=rows, root='')
    if args.root:  # of a process for one row
        measure(*args.levels)
        return
    with tempfile.TemporaryDirectory() as root:
        make(Path(root), 'train', args.pictures, args.annotations)
        make(Path(root), 'val', args.pictures // 20, args.annotations // 20)
        size = os.path.getsize(f'{root}/annotations/instances_train2017.json') / 2**20
        print(machine())
        print(f'{args.pictures} pictures, {args.annotations} annotations, {size:.0f} MiB of JSON')
        for level in args.levels:
            log(level)
            command = [sys.executable, __file__, '--root', root, '--levels', level]
            done = subprocess.run(
                command,
                check=True,
                text=True,
                stdout=subprocess.PIPE,
                env=os.environ | {'COCO_ROOT': root},
            )
            print(done.stdout.splitlines()[-1])


if __name__ == '__main__':
    main()
