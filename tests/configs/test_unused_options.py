"""The contract's check of unused options catches a misspelt one wherever it stands."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from one_run import run_once
from signatures import unknown_options
from unused import unused_options
from variables import SECTIONS, idle_names

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
PLANTED = re.compile(r'misspelt_\d+')


def dicts(value: Any) -> Iterator[dict]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for inner in value:
            yield from dicts(inner)


def plant(cfg: Config) -> dict[str, dict]:
    """Put an option that does not exist into every dict that a runner may read."""
    left_out = {'custom_imports', 'test_dataloader', 'test_evaluator'}  # the last two as val's
    sections = [value for name, value in cfg.items() if name in SECTIONS - left_out]
    places = [cfg._cfg_dict, *dicts(sections)]
    planted = {f'misspelt_{number}': place for number, place in enumerate(places)}
    for name, place in planted.items():
        dict.__setitem__(place, name, {name: 0})
    return planted


@pytest.mark.slow
@pytest.mark.parametrize(
    'name',
    [
        'mask_rcnn_heracles_nano_scenes',
        'upernet_hamsa_nano_scenes',
        'heracles_nano_tokenlabel_pictures',
    ],
)
def test_an_option_that_does_not_exist_is_caught_in_every_dict(name, made_folder):
    """By the check, or by the constructor that refuses it; each place by its own name."""
    path = CONFIGS / f'{name}.py'
    pytest.importorskip(Config.fromfile(path, import_custom_modules=False).default_scope)
    cfg = Config.fromfile(path)
    left = plant(cfg)
    assert len(left) >= 50
    remove(found(unknown_options(cfg)), left)
    while left:
        try:
            named = unused_options(cfg, run_once(cfg, made_folder).unread)
        except Exception as error:
            named = [str(error)]
        assert found(named) & set(left), f'{named} names none of {list(left)}'
        remove(found(named), left)


def found(texts: list[str]) -> set[str]:
    return set(PLANTED.findall(' '.join(texts)))


def remove(misspelt: set[str], left: dict[str, dict]) -> None:
    for name in misspelt & set(left):
        del left.pop(name)[name]


@pytest.mark.parametrize(
    ('text', 'idle'),
    [
        ('optim_wraper = dict(clip_grad=dict(max_norm=1.0))', 'optim_wraper'),
        ("train_pipeline = [dict(type='LoadImageFromFile')]", 'train_pipeline'),
    ],
)
def test_a_name_without_effect_is_caught(text, idle, tmp_path):
    """A misspelt section, and an override that its base's data set never sees."""
    config = tmp_path / 'child.py'
    config.write_text(f"_base_ = '{CONFIGS}/heracles_s_imagenet.py'\nmodel = dict()\n{text}\n")
    assert idle_names(config, [config]) == {idle}
