"""The command line of the README, on a folder laid out as COCO 2017 is."""

import json
from pathlib import Path

import pytest

pytest.importorskip('mmdet', reason='the COCO configs are of mmdet')

from mmdet.datasets import CocoDataset

from heracles_mm.datasets.cache import ensure_scenes
from heracles_mm.datasets.spec import ScenesSpec

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / 'configs' / 'mask_rcnn_heracles_s_coco.py'

SMALL = '(200,120)'  # instead of 1333x800, for the sake of time


@pytest.fixture
def coco(tmp_path, monkeypatch) -> Path:
    """Two training and two validation scenes under COCO's names (a top becomes a person)."""
    monkeypatch.setenv('HERACLES_CACHE', str(tmp_path / 'cache'))
    scenes = ensure_scenes(ScenesSpec(num_train=2, num_val=2))
    root = tmp_path / 'coco'
    (root / 'annotations').mkdir(parents=True)
    for split in ('train', 'val'):
        (root / f'{split}2017').symlink_to(scenes / 'images' / split)
        truth = json.loads((scenes / f'annotations/instances_{split}.json').read_text())
        truth['categories'] = [
            {'id': number, 'name': name}
            for number, name in enumerate(CocoDataset.METAINFO['classes'], start=1)
        ]
        (root / f'annotations/instances_{split}2017.json').write_text(json.dumps(truth))
    return root


def test_one_epoch_on_a_coco_folder_runs_to_its_evaluation(train, coco, tmp_path):
    done = train(
        CONFIG, '--cfg-options',
        # Without a threshold: after two steps nothing is found with confidence.
        'train_cfg.max_epochs=1', 'model.test_cfg.rcnn.score_thr=0.0',
        'train_dataloader.num_workers=0',
        'train_dataloader.persistent_workers=False', 'val_dataloader.num_workers=0',
        'val_dataloader.persistent_workers=False',
        f'train_dataloader.dataset.pipeline.2.scale={SMALL}',
        f'val_dataloader.dataset.pipeline.1.scale={SMALL}',
        COCO_ROOT=str(coco),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert 'coco/bbox_mAP:' in done.stdout + done.stderr
    assert 'coco/segm_mAP:' in done.stdout + done.stderr
    assert (tmp_path / 'work_dirs/mask_rcnn_heracles_s_coco/epoch_1.pth').is_file()


def test_a_folder_that_is_not_there_is_named_with_the_way_to_set_it(train, tmp_path):
    done = train(CONFIG, COCO_ROOT=str(tmp_path / 'nowhere'))
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert str(tmp_path / 'nowhere') in line
    assert 'COCO_ROOT' in line
