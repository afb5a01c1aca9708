"""Every block of docs/recipes.md is the end of a config that trains."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from small_runs import ROOT, SMALL, forget_instances

from heracles_mm.cli import train

DOCUMENT = (ROOT / 'docs' / 'recipes.md').read_text()
SMALLER = {
    'heracles_s_flowers102': 'heracles_nano_parts',
    'mask_rcnn_heracles_s_coco': 'mask_rcnn_heracles_nano_scenes',
}
"""Configs of the document and those that stand for them: the same parts, smaller, with data."""

BACKENDS = {'compile = True': "compile = dict(backend='eager')"}
"""The step is traced; that inductor's code computes the same, tests/backbones holds."""

PACKAGES = {
    'AdamW8bit': ('bitsandbytes', 'not in the dev extra: mmengine imports it at every start'),
    'Lion': ('lion_pytorch', 'the dev extra is not installed'),
    'lora': ('peft', 'the extra lora is not installed'),
    'timm': ('timm', 'the dev extra is not installed'),
}


def blocks() -> dict[str, str]:
    """The Python blocks by their section, with a number from the second of one on."""
    found: dict[str, str] = {}
    for section in DOCUMENT.split('\n## ')[1:]:
        title = section.splitlines()[0]
        for number, text in enumerate(re.findall(r'```python\n(.*?)```', section, re.DOTALL)):
            found[f'{title} {number + 1}' if number else title] = text
    return found


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Text of a block -> a config file with it, and the base that it may ask for."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')

    def write(text: str) -> Path:
        for name, smaller in SMALLER.items():
            text = text.replace(name, smaller)
        for option, instead in BACKENDS.items():
            text = text.replace(option, instead)
        if '_base_ =' not in text:
            text = f"_base_ = './configs/heracles_nano_parts.py'\n{text}"
        path = tmp_path / 'my_config.py'
        path.write_text(text)
        if 'PRETRAINED' in text:
            cfg = Config.fromfile(path)
            with DefaultScope.overwrite_default_scope(cfg.default_scope):
                torch.save(MODELS.build(cfg.model).state_dict(), 'pretrained.pth')
        forget_instances()
        return path

    return write


@pytest.mark.parametrize(
    'title',
    [pytest.param(t, marks=pytest.mark.slow) if t == 'Compiled' else t for t in blocks()],
)
def test_a_recipe_trains(title, config):
    text = blocks()[title]
    for word, (package, reason) in PACKAGES.items():
        if word in text:
            pytest.importorskip(package, reason=reason)
    path = config(text)
    scope = Config.fromfile(path).default_scope
    pytest.importorskip(scope)
    argv = [str(path), '--work-dir', 'run', '--rehearse', 'off', '--cfg-options']
    small = [*SMALL[scope], 'env_cfg.mp_cfg.mp_start_method=fork']
    if title.startswith('Gradient'):  # the block's own batch, of as many pictures as an epoch has
        small = [word for word in small if 'batch_size' not in word]
        small = [word.replace('indices=2', 'indices=32') for word in small]
    assert train.main([*argv, *small]) == 0
    (stored,) = Path('run').glob('[ei]*_1.pth')  # beside the best one
    assert torch.load(stored, weights_only=True)['state_dict']
