"""The list of configs: complete, filtered, for people and for programs."""

import json
import sys

import pytest

from heracles_mm.cli.list_configs import main
from heracles_mm.configs import config_names


def listed(capsys, *args: str) -> list[dict]:
    assert main([*args, '--json']) == 0
    return json.loads(capsys.readouterr().out)


def test_the_tasks_share_out_all_configs(capsys):
    everything = listed(capsys)
    assert sorted(config['name'] for config in everything) == config_names()
    tasks = ('classification', 'detection', 'forecasting', 'segmentation')
    parts = [listed(capsys, '--task', task) for task in tasks]
    assert [config for part in parts for config in part] == everything
    assert all(parts)


def test_a_line_says_what_the_config_is(capsys):
    (config,) = [c for c in listed(capsys) if c['name'] == 'mask_rcnn_hamsa_s_coco_3x']
    assert config == dict(
        name='mask_rcnn_hamsa_s_coco_3x',
        task='detection',
        method='Mask R-CNN',
        backbone='HAMSA-S',
        data='COCO',
        schedule='36 epochs with multi-scale crops',
        parameters=45_100_496,
        flops=279_399_410_688,
        batch=16,
        optimizer='AdamW',
        lr=1e-4,
        clip=None,
    )


def test_the_table_keeps_its_columns_in_a_pipe(run):
    """From any folder, without an mm library's import, each config on one line."""
    done = run(sys.executable, '-m', 'heracles_mm.cli.list_configs')
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for name in config_names():
        (line,) = [line for line in lines if f' {name} ' in line]
        assert line.count('│') == 8


@pytest.mark.parametrize('args', [['--task', 'depth'], ['mask_rcnn']])
def test_a_wrong_argument_is_one_sentence(args, capsys):
    assert main(args) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
