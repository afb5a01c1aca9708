"""One tool serves mmdet, mmseg and mmpretrain: a tiny model of each trains, resumes, is tested."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from heracles_mm.cli import test as test_module
from heracles_mm.cli.common import default_loader_settings

CONFIGS = Path(__file__).resolve().parent / 'libraries'


@pytest.fixture(scope='session')
def tiny_data(tmp_path_factory):
    """Four pictures of a bright square on noise, labelled for all three tasks."""
    root = tmp_path_factory.mktemp('tiny')
    noise = np.random.default_rng(0)
    coco = {'images': [], 'annotations': [], 'categories': [{'id': 1, 'name': 'square'}]}
    for i in range(4):
        x, side = 8 * i, 16 + 4 * i
        picture = noise.integers(0, 60, (64, 64, 3), dtype=np.uint8)
        label_map = np.zeros((64, 64), np.uint8)
        picture[x : x + side, x : x + side] += 180
        label_map[x : x + side, x : x + side] = 1
        kind = 'small' if i < 2 else 'large'
        for folder, image in {
            'images': picture,
            'maps': label_map,
            f'classes/{kind}': picture,
        }.items():
            (root / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(root / folder / f'{i}.png')
        coco['images'].append({'id': i, 'file_name': f'{i}.png', 'width': 64, 'height': 64})
        coco['annotations'].append(
            {
                'id': i + 1,
                'image_id': i,
                'category_id': 1,
                'bbox': [x, x, side, side],
                'area': side * side,
                'iscrowd': 0,
            }
        )
    (root / 'boxes.json').write_text(json.dumps(coco))
    return f'{root}/'


@pytest.mark.slow
@pytest.mark.parametrize(
    ('task', 'metric'),
    [
        ('detection', 'coco/bbox_mAP'),
        ('segmentation', 'mIoU'),
        ('classification', 'accuracy/top1'),
    ],
)
def test_a_library_trains_resumes_and_is_tested(
    task, metric, train, test_tool, tiny_data, tmp_path
):
    library = {'d': 'mmdet', 's': 'mmseg', 'c': 'mmpretrain'}[task[0]]
    pytest.importorskip(library)
    config = CONFIGS / f'{task}.py'
    if library == 'mmdet':  # test_resume.py has the rest; here mmdet's data set meta is in the file
        first_step = ('--cfg-options', 'train_cfg.max_iters=1')
        stopped = train(config, '--work-dir', 'w', *first_step, TINY_DATA=tiny_data)
        assert stopped.returncode == 0, stopped.stderr
    trained = train(config, '--work-dir', 'w', '--resume', TINY_DATA=tiny_data)
    assert trained.returncode == 0, trained.stderr
    assert ('resumed epoch: 0, iter: 1' in trained.stdout) == (library == 'mmdet')
    torch.load(tmp_path / 'w' / 'iter_2.pth', weights_only=True)

    flags = ['--json', '--out', 'predictions.pkl', '--show-dir', 'pictures']
    if library != 'mmpretrain':  # it cannot do both at once
        flags.append('--tta')
    tested = test_tool(config, 'w/iter_2.pth', *flags, TINY_DATA=tiny_data)
    assert tested.returncode == 0, tested.stderr
    assert isinstance(json.loads(tested.stdout.splitlines()[-1])[metric], float)
    with open(tmp_path / 'predictions.pkl', 'rb') as file:
        assert len(pickle.load(file)) == 4
    assert len(list((tmp_path / 'pictures').rglob('*.png'))) == 4


def test_mmpretrain_configs_get_the_loader_settings_that_they_rely_on():
    """mmpretrain's own tools add them; without workers, persistent ones would be an error."""
    for workers, persistent in ((0, False), (2, True)):
        loader = {'num_workers': workers, 'pin_memory': False}
        cfg = Config({'default_scope': 'mmpretrain', 'train_dataloader': loader})
        default_loader_settings(cfg, ('train', 'val'))
        assert dict(cfg.train_dataloader) == {
            'num_workers': workers,
            'pin_memory': False,
            'persistent_workers': persistent,
            'collate_fn': {'type': 'default_collate'},
        }
        assert 'val_dataloader' not in cfg


def test_test_time_augmentation_wraps_the_model_and_reaches_a_wrapped_data_set():
    cfg = Config.fromfile(CONFIGS / 'classification.py')
    inner = cfg.test_dataloader.dataset
    cfg.test_dataloader.dataset = {'type': 'RepeatDataset', 'times': 1, 'dataset': inner}
    model = cfg.model
    test_module._use_tta(cfg, 'classification.py')
    assert cfg.model.type == 'AverageClsScoreTTA'
    assert cfg.model.module == model
    assert cfg.test_dataloader.dataset.dataset.pipeline == cfg.tta_pipeline


def test_mmpretrain_says_that_it_cannot_draw_under_test_time_augmentation(tmp_path, capfd):
    """Its hook fails on the stack of augmented pictures, after loading everything."""
    checkpoint = tmp_path / 'x.pth'
    checkpoint.touch()
    argv = [CONFIGS / 'classification.py', checkpoint, '--work-dir', tmp_path / 'w']
    argv += ['--tta', '--show-dir', 'x']
    assert test_module.main([str(word) for word in argv]) == 2
    assert 'give --tta or --show-dir' in capfd.readouterr().err


def test_a_missing_data_set_is_named_before_a_library_is_imported(train):
    done = train(CONFIGS / 'detection.py', TINY_DATA='/nowhere/')
    assert done.returncode == 2
    assert done.stderr == (
        'train: error: train_dataloader needs /nowhere/boxes.json, which does not exist (and 1 '
        'more path of the config): set the environment variable TINY_DATA to the data folder, or '
        'give its place with --cfg-options train_dataloader.dataset.dataset.data_root=PATH\n'
    )
