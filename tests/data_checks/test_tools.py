"""The checks through command lines: ours before anything is built, the libraries' by the hook."""

import json
import os
import random
import runpy
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.registry import HOOKS
from mmengine.runner import EpochBasedTrainLoop, set_random_seed
from PIL import Image
from processes import with_path
from small_data import outcome, write_maps

pytest.importorskip('mmdet')
pytest.importorskip('mmseg')

from heracles_mm.cli import train
from heracles_mm.data_checks import CheckDataHook, content
from heracles_mm.data_checks.findings import Odd
from heracles_mm.errors import DataError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _fresh(tmp_path, monkeypatch):
    MMLogger._instance_dict.clear()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('LOCAL_RANK', raising=False)
    monkeypatch.setattr(content, '_checked', set())


@pytest.fixture
def config(tmp_path) -> Path:
    """A segmentation run of two steps on one of our configs."""
    parts = {split: write_maps(tmp_path, split, count=2) for split in ('train', 'val')}
    cfg = Config.fromfile(ROOT / 'configs/upernet_heracles_nano_scenes.py')
    for split, data in parts.items():
        data['pipeline'].insert(1 if split == 'val' else 2, dict(type='Resize', scale=(64, 64)))
        cfg[f'{split}_dataloader'] = dict(
            batch_size=2,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=data,
        )
    cfg.merge_from_dict(
        {
            'test_dataloader': None,
            'test_cfg': None,
            'test_evaluator': None,
            'val_evaluator': dict(type='IoUMetric'),
            'model.decode_head.num_classes': 2,
            'model.auxiliary_head.num_classes': 2,
            'model.data_preprocessor.size': (64, 64),
            'train_cfg.max_iters': 2,
            'train_cfg.val_interval': 2,
        }
    )
    for head in (cfg.model.decode_head, cfg.model.auxiliary_head):
        head.loss_decode.pop('class_weight', None)
    cfg.custom_hooks = [one for one in cfg.custom_hooks if one['type'] != 'EvaluateFirstHook']
    path = tmp_path / 'mine.py'
    cfg.dump(path)
    return path


def library_tool(library: str, *arguments: object) -> None:
    """Run the train.py that the library installs, in this process."""
    tool = Path(__import__(library).__file__).parent / '.mim/tools/train.py'
    with pytest.MonkeyPatch.context() as to:
        to.setattr(sys, 'argv', [str(tool), *map(str, arguments)])
        runpy.run_path(str(tool), run_name='__main__')


def foreign_value(folder: Path) -> None:
    Image.fromarray(np.full((48, 64), 7, np.uint8)).save(folder / 'labels/val/1.png')


def test_a_librarys_tool_refuses_with_the_same_sentence(config, tmp_path, capfd):
    foreign_value(tmp_path)
    assert train.main([str(config), '--work-dir', 'w']) == 2
    (line,) = [x for x in capfd.readouterr().err.splitlines() if x.startswith('train: error:')]
    content._checked.clear()
    with pytest.raises(DataError) as raised:
        library_tool('mmseg', config, '--work-dir', 'w')
    assert line == f'train: error: {raised.value}'
    assert 'labels/val/1.png holds the value 7' in line


def test_it_comes_before_the_librarys_own_error(config, tmp_path):
    """mmseg's data set would fail on an empty list without a word about it."""
    for path in (tmp_path / 'images/train').iterdir():
        path.unlink()
    with pytest.raises(DataError, match='no training picture was found'):
        library_tool('mmseg', config, '--work-dir', 'w')


def test_a_librarys_tool_trains_on_sound_data_and_prints_what_is_odd(config, tmp_path, capfd):
    for path in (tmp_path / 'labels/train').iterdir():
        Image.fromarray(np.zeros((48, 64), np.uint8)).save(path)
    library_tool('mmseg', config, '--work-dir', 'w')
    out, err = capfd.readouterr()
    assert (out + err).count('1 of the 2 classes are in no label map') == 1
    assert (tmp_path / 'w/iter_2.pth').is_file()


@pytest.mark.parametrize('library', ['mmseg', 'mmpretrain'])
def test_our_tool_looks_once_and_the_hook_trusts(library, config, monkeypatch, capfd):
    """Whatever the tool adds to a config before its runner is built."""
    looked = []
    findings = content._stage_findings

    def counted(cfg, stage, level, read):
        looked.append((stage, level))
        return (yield from findings(cfg, stage, level, read))

    monkeypatch.setattr(content, '_stage_findings', counted)
    if library == 'mmpretrain':
        config = ROOT / 'configs' / 'heracles_nano_parts.py'
        monkeypatch.setattr(EpochBasedTrainLoop, 'run', lambda loop: None)
    assert train.main([str(config), '--work-dir', 'w', '--check-data', 'full']) == 0
    assert looked == [('train', 'full'), ('val', 'full')]


def test_another_evaluator_or_schedule_is_looked_at_anew(config):
    """Of a second run in one process, such as a notebook's."""
    cfg, warnings = Config.fromfile(config), []
    content.check_data(cfg, ('train', 'val'), warnings.append)
    before = len(warnings)
    cfg.train_cfg.val_begin = 10**6
    content.check_data(cfg, ('train', 'val'), warnings.append)
    assert 'val_begin' in ' '.join(warnings[before:])


def test_the_random_numbers_of_the_run_are_left_alone(config):
    """Transforms that are tried draw from any of the three generators."""

    def draw(*_):
        yield Odd(str([random.random(), np.random.rand(), float(torch.rand(1))]))

    def draws():
        return random.random(), np.random.rand(), float(torch.rand(1))

    set_random_seed(3)
    expected = draws()
    set_random_seed(3)
    with pytest.MonkeyPatch.context() as to:
        to.setattr(content, '_findings', draw)
        content.check_data(Config.fromfile(config), ('test',), lambda finding: None)
    assert draws() == expected


def test_off_is_off_in_every_tool(config, tmp_path):
    """The library's own error comes, on the first batch with that label."""
    foreign_value(tmp_path)
    (tmp_path / 'labels/val/1.png').replace(tmp_path / 'labels/train/1.png')
    with pytest.raises(IndexError):
        train.main([str(config), '--work-dir', 'w', '--check-data', 'off'])
    with pytest.raises(IndexError):
        library_tool('mmseg', config, '--work-dir', 'v', '--cfg-options', 'check_data=off')


def test_a_batch_is_looked_at_while_training(config, tmp_path):
    """A label that the sample missed, or that a transform makes."""
    foreign_value(tmp_path)
    (tmp_path / 'labels/val/1.png').replace(tmp_path / 'labels/train/1.png')
    with pytest.MonkeyPatch.context() as to:
        to.setattr(content, '_findings', lambda *_: iter(()))
        with pytest.raises(DataError, match=r'labels/train/1\.png holds the value 7'):
            library_tool('mmseg', config, '--work-dir', 'w')


def test_the_hook_has_its_old_name_too():
    """Configs of users name it."""
    assert HOOKS.get('CheckSegmentationHook') is HOOKS.get('CheckDataHook') is CheckDataHook
    assert isinstance(CheckDataHook(), Hook)  # without a runner, as in a test


def test_the_hook_lets_batches_of_other_libraries_pass():
    class Runner:
        model, cfg = torch.nn.Linear(1, 1), Config()

    for batch in ({'inputs': 1}, [torch.zeros(1)], {'data_samples': [torch.zeros(1)]}):
        CheckDataHook().before_train_iter(Runner, 0, batch)


@pytest.fixture
def coco(tmp_path, monkeypatch):
    """COCO's own layout with empty annotation files."""
    (tmp_path / 'annotations').mkdir()
    for split in ('train', 'val'):
        (tmp_path / f'{split}2017').mkdir()
        (tmp_path / f'annotations/instances_{split}2017.json').touch()
    monkeypatch.setenv('COCO_ROOT', f'{tmp_path}/')
    return ROOT / 'configs' / 'mask_rcnn_heracles_s_coco.py'


def test_classes_that_the_file_has_not_are_named(coco, tmp_path, capfd):
    """The commonest mistake: a config of 80 classes on a file of two."""
    one = {'id': 1, 'image_id': 1, 'category_id': 7, 'bbox': [0, 0, 4, 4], 'area': 16}
    content = {
        'images': [{'id': 1, 'file_name': '1.jpg', 'width': 8, 'height': 8}],
        'categories': [{'id': 3, 'name': 'cat'}, {'id': 7, 'name': 'dog'}],
        'annotations': [one],
    }
    (tmp_path / 'annotations/instances_train2017.json').write_text(json.dumps(content))
    assert train.main([str(coco)]) == 2
    lines = [x for x in capfd.readouterr().err.splitlines() if x.startswith('train: error:')]
    assert len(lines) == 1
    assert '78 of the 80 classes are no category of' in lines[0]


@pytest.mark.slow
def test_what_one_process_finds_ends_all(coco, tmp_path):
    """The others wait for it to join their group until the launcher ends them."""
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        port = str(listener.getsockname()[1])
    environment = {
        **os.environ,
        'PYTHON': sys.executable,
        'PYTHONPATH': with_path(ROOT),
        'OMP_NUM_THREADS': '1',
        'CUDA_VISIBLE_DEVICES': '',
        'PORT': port,
    }
    done = subprocess.run(
        [ROOT / 'tools' / 'dist_train.sh', coco, '2', '--work-dir', tmp_path / 'w'],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if line.startswith('train: error:')]
    assert len(lines) == 1
    assert 'instances_train2017.json is empty' in lines[0]


def test_other_libraries_and_unbuildable_data_sets_are_left_to_their_own_errors():
    broken = {'dataset': {'type': 'Nothing', 'metainfo': 'x'}}
    for scope in ('mmpose', 'mmdet'):
        cfg = Config({'default_scope': scope, 'model': {}, 'train_dataloader': broken})
        assert outcome(cfg, ('train',)) == (None, [])
