"""The clients as their users start them: a process of its own, in another folder, that imports a
library before heracles_mm. Where mmcv has no compiled operators, only the line in site-packages
answers for them then; the tests in this process, which imported heracles_mm, cannot see it fail."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image
from processes import with_path
from small_runs import CONFIGS, tool_argv

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec('_heracles_mm_finder') is None,
        reason='heracles_mm is on the path but not installed: only then must it be imported first',
    ),
]
TRAIN = 'python $MMDET/train.py configs/mask_rcnn_heracles_nano_scenes.py'


def python(folder: Path, *words: object) -> str:
    """Run the interpreter and return what it printed; no GPU, and us on no PYTHONPATH."""
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=folder,
        env={
            **os.environ,
            'PYTHONPATH': with_path(),
            'CUDA_VISIBLE_DEVICES': '',
            'OMP_NUM_THREADS': '1',
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def checkpoints(folder: Path) -> list[str]:
    return [path.name for path in folder.glob('work_dirs/*/*_1.pth')]


@pytest.mark.parametrize(
    'command',
    [
        'python $MMSEG/train.py configs/upernet_heracles_nano_scenes.py',
        'python $MMPRETRAIN/train.py configs/heracles_nano_parts.py',
    ],
)
def test_a_librarys_own_tool_trains(command, tmp_path):
    """mmdet's: below, with workers and in two processes."""
    python(tmp_path, *tool_argv(command))
    assert len(checkpoints(tmp_path)) == 1


def test_mmdets_own_tool_tests(trained, tmp_path):
    """It imports mmcv's operators before it reads the config that names heracles_mm."""
    command = 'python $MMDET/test.py configs/mask_rcnn_heracles_nano_scenes.py CHECKPOINT'
    assert 'coco/segm_mAP: ' in python(tmp_path, *tool_argv(command, trained('mmdet')))


SCRIPTS = {
    'mmdet': """
import sys
from mmdet.apis import DetInferencer, inference_detector, init_detector
config, checkpoint, picture = sys.argv[1:]
inferencer = DetInferencer(config, checkpoint, device='cpu', show_progress=False)
inferencer(picture, out_dir='out')
model = init_detector(config, checkpoint, device='cpu')
print(*inference_detector(model, picture).pred_instances.masks.shape[1:])
""",
    'mmseg': """
import sys
from mmseg.apis import MMSegInferencer
config, checkpoint, picture = sys.argv[1:]
inferencer = MMSegInferencer(config, checkpoint, device='cpu')
print(*inferencer(picture, out_dir='out')['predictions'].shape)
""",
}


@pytest.mark.parametrize('library', SCRIPTS)
def test_a_script_predicts_that_names_only_the_library(library, trained, tmp_path):
    """The config's custom_imports bring heracles_mm in, after the library and its operators."""
    checkpoint = trained(library)
    Image.fromarray(np.zeros((90, 122, 3), np.uint8)).save(tmp_path / 'picture.png')
    words = ('-c', SCRIPTS[library], CONFIGS[library], checkpoint, 'picture.png')
    assert python(tmp_path, *words).splitlines()[-1] == '90 122'
    assert list((tmp_path / 'out').rglob('picture.png'))


def test_spawned_workers_load_the_pictures(small_config, tmp_path):
    """The first that a worker unpickles is a dataset of mmdet's, so it imports mmdet first."""
    config, (tool, *_) = small_config('mmdet'), tool_argv(TRAIN)
    cfg = Config.fromfile(config)
    cfg.env_cfg.mp_cfg.mp_start_method = 'spawn'
    loader = cfg.train_dataloader
    loader.num_workers = 1
    loader.dataset = dict(type='ConcatDataset', datasets=[loader.dataset])
    cfg.dump(config)
    python(tmp_path, tool, config)
    assert len(checkpoints(tmp_path)) == 1


GLOO = """
import runpy, sys, torch
torch.distributed.init_process_group('gloo')
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name='__main__')
torch.distributed.destroy_process_group()
"""
"""Starts a tool without a GPU: mmengine asks for CUDA before it opens any group."""


def test_torchrun_trains_in_two_processes(tmp_path):
    (tmp_path / 'gloo.py').write_text(GLOO)
    torchrun = ('-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2', 'gloo.py')
    options = (
        'model_wrapper_cfg.type=MMDistributedDataParallel model_wrapper_cfg.device_ids=None '
        'sync_bn=None'
    )
    command = f'{TRAIN} --launcher pytorch --cfg-options {options}'
    printed = python(tmp_path, *torchrun, *tool_argv(command))
    assert 'GPU number: 2' in printed  # mmengine's name for the number of processes
    assert len(checkpoints(tmp_path)) == 1
