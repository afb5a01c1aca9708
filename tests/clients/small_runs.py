"""Our configs at one step of two pictures, and the libraries' tools run on them in this process."""

import importlib
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
from mmengine.utils import ManagerMixin

ROOT = Path(__file__).resolve().parents[2]
SPLITS = ('train', 'val', 'test')
SCENES = [
    'train_cfg.max_iters=1',
    'train_cfg.val_interval=1',
    'default_hooks.checkpoint.interval=1',
    'train_dataloader.batch_size=2',
    *(f'{split}_dataloader.dataset.num_{part}=2' for split in SPLITS for part in ('train', 'val')),
]
PARTS = [
    'train_cfg.max_epochs=1',
    'default_hooks.checkpoint.interval=1',
    'train_dataloader.batch_size=2',
    *(f'{split}_dataloader.dataset.indices=2' for split in SPLITS),
]
SMALL = {'mmdet': SCENES, 'mmseg': SCENES, 'mmpretrain': PARTS}
"""``default_scope`` to the --cfg-options that make a run one step of two pictures."""

CONFIGS = {
    'mmdet': ROOT / 'configs' / 'mask_rcnn_heracles_nano_scenes.py',
    'mmseg': ROOT / 'configs' / 'upernet_heracles_nano_scenes.py',
    'mmpretrain': ROOT / 'configs' / 'heracles_nano_parts.py',
}


def forget_instances() -> None:
    """Drop the loggers, visualizers and scopes that mmengine keeps by name."""
    classes = [ManagerMixin]
    while classes:
        kind = classes.pop()
        kind._instance_dict.clear()
        classes += kind.__subclasses__()


def tool_argv(command: str, checkpoint: Path | None = None) -> list[str]:
    """The script and words of ``python $MMDET/train.py CONFIG ...`` of docs/clients.md, small."""
    library, tool, *words = re.fullmatch(r'python \$(\w+)/(\w+\.py) (.*)', command).groups()
    config, *flags = shlex.split(words[0])
    library = pytest.importorskip(library.lower()).__name__
    script = Path(importlib.import_module(library).__file__).parent / '.mim' / 'tools' / tool
    flags = [str(checkpoint) if flag == 'CHECKPOINT' else flag for flag in flags]
    if '--cfg-options' not in flags:
        flags.append('--cfg-options')
    return [str(script), str(ROOT / config), *flags, *SMALL[library]]


def run_tool(command: str, folder: Path, checkpoint: Path | None = None) -> None:
    """Run such a command in ``folder``, in this process."""
    argv = tool_argv(command, checkpoint)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', argv)
        patch.chdir(folder)
        runpy.run_path(argv[0], run_name='__main__')
