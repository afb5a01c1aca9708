"""The config in a checkpoint is read as data: all of ours, and nothing that runs."""

from pathlib import Path

import pytest
from mmengine.config import Config

from heracles_mm.checkpoints.config_text import config_of
from heracles_mm.errors import CheckpointError

CONFIGS = sorted((Path(__file__).resolve().parents[2] / 'configs').glob('*_etth1.py'))


def checkpoint(text: str) -> dict:
    return {'meta': {'cfg': text}}


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_what_mmengine_writes_is_read_back(path):
    cfg = Config.fromfile(path, import_custom_modules=False)
    found = config_of(checkpoint(cfg.pretty_text))
    assert found == cfg._cfg_dict.to_dict()


def test_values_of_every_kind_are_read():
    cfg = Config(dict(a={'1-x': [1, (2.5, None)]}, b=-1, c='d', e=[dict(f=True)]))
    assert config_of(checkpoint(cfg.pretty_text)) == cfg._cfg_dict.to_dict()


@pytest.mark.parametrize(
    'text',
    [
        "a = __import__('os').system('true')",
        "a = dict(b=open('/etc/passwd'))",
        'a = dict(**dict(b=1))',
        'a = [x for x in (1, 2)]',
        'a = (lambda: 1)()',
        'a.b = 1',
        'a = b',
        'a = dict(',
        'a = {**{}}',
        '(' * 5000,
    ],
)
def test_what_would_run_is_refused(text):
    with pytest.raises(CheckpointError, match='the config of the checkpoint cannot be read'):
        config_of(checkpoint(text))


@pytest.mark.parametrize('content', [{}, {'meta': {}}, {'meta': {'cfg': 3}}, [], None])
def test_a_checkpoint_without_one_is_refused(content):
    with pytest.raises(CheckpointError, match='carries no config'):
        config_of(content)
