"""The libraries' own tools, in this process: their imports cost more than their work here."""

import importlib
import os
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.utils import ManagerMixin

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests' / 'configs'))  # its batches

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


@pytest.fixture(autouse=True)
def _fresh_process_state(monkeypatch, scenes_cache):
    """mmengine's named instances (loggers, visualizers, scopes) end with the run that made them."""
    forget_instances()
    monkeypatch.delenv('LOCAL_RANK', raising=False)
    yield
    forget_instances()
    os.environ.pop('LOCAL_RANK', None)  # the libraries' tools set it


def forget_instances() -> None:
    classes = [ManagerMixin]
    while classes:
        kind = classes.pop()
        kind._instance_dict.clear()
        classes += kind.__subclasses__()


@pytest.fixture(scope='session', autouse=True)
def scenes_cache(tmp_path_factory):
    """Composed once for all clients."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('HERACLES_CACHE', str(tmp_path_factory.mktemp('cache')))
        yield


def run_tool(command: str, folder: Path, checkpoint: Path | None = None) -> None:
    """Run ``python $MMDET/train.py CONFIG ...`` of docs/clients.md in ``folder``, small."""
    library, tool, *words = re.fullmatch(r'python \$(\w+)/(\w+\.py) (.*)', command).groups()
    config, *flags = shlex.split(words[0])
    library = pytest.importorskip(library.lower()).__name__
    script = Path(importlib.import_module(library).__file__).parent / '.mim' / 'tools' / tool
    flags = [str(checkpoint) if flag == 'CHECKPOINT' else flag for flag in flags]
    if '--cfg-options' not in flags:
        flags.append('--cfg-options')
    argv = [str(script), str(ROOT / config), *flags, *SMALL[library]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', argv)
        patch.chdir(folder)
        runpy.run_path(str(script), run_name='__main__')


@pytest.fixture(scope='session')
def trained(tmp_path_factory):
    """Library -> the checkpoint that its own train.py writes; each is trained once."""
    made: dict[str, Path] = {}

    def train(library: str) -> Path:
        if library not in made:
            folder = tmp_path_factory.mktemp(library)
            config = CONFIGS[library].relative_to(ROOT)
            run_tool(f'python ${library.upper()}/train.py {config}', folder)
            forget_instances()
            (made[library],) = folder.glob('work_dirs/*/*_1.pth')
        return made[library]

    return train


@pytest.fixture
def small_config(tmp_path):
    """Library -> its config with the small options written in, as a file far from ours."""

    def write(library: str) -> Path:
        pytest.importorskip(library)
        cfg = Config.fromfile(CONFIGS[library])
        options = dict(option.split('=') for option in SMALL[library])
        cfg.merge_from_dict({key: int(value) for key, value in options.items()})
        path = tmp_path / f'small_{library}.py'
        cfg.dump(path)
        return path

    return write
