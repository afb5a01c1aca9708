"""The groups are printed before training: of a real config, without its data or a work folder."""

import json
from pathlib import Path

import pytest

from heracles_mm.cli.print_param_groups import main

ROOT = Path(__file__).resolve().parents[2]
CONFIG = str(ROOT / 'configs' / 'mask_rcnn_heracles_s_coco.py')
TOY_CONFIG = str(ROOT / 'tests' / 'cli' / 'toy' / 'toy_config.py')
LAYER_DECAY = [
    'optim_wrapper.constructor=LayerDecayOptimWrapperConstructor',
    'optim_wrapper.paramwise_cfg.decay_rate=0.8',
]


@pytest.fixture
def tables(capsys):
    """Run the tool; title -> lines of the table below it."""

    def run(*argv):
        assert main(list(argv)) == 0
        blocks = capsys.readouterr().out.strip().split('\n\n')
        return {(lines := block.splitlines())[0].rstrip(':'): lines[1:] for block in blocks}

    return run


def test_a_config_is_shown_with_and_without_layer_decay(tables, tmp_path, monkeypatch):
    """Either way round: a config without it tries a rate, one with it shows what it changes.

    S has sixteen blocks, so eighteen depths; AMP, which needs a GPU, plays no part in the groups.
    """
    pytest.importorskip('mmdet')
    monkeypatch.chdir(tmp_path)
    amp = ['--cfg-options', 'optim_wrapper.type=AmpOptimWrapper', 'optim_wrapper.loss_scale=8.']
    tried = tables(CONFIG, '--decay-rate', '0.8', *amp)
    assert list(tried) == ['as the config says', 'with layer decay 0.8']
    plain, decayed = tried.values()
    assert plain[-1].split() == decayed[-1].split()
    assert {line.split()[0] for line in plain[1:-1]} == {'1'}
    assert len({line.split()[0] for line in decayed[1:-1]}) == 18
    assert decayed[1].split()[0] == f'{0.8**17:.4g}'

    configured = tables(CONFIG, '--cfg-options', *LAYER_DECAY)
    assert configured == {'as the config says': decayed, 'without layer decay': plain}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('argv', 'words'),
    [
        (['absent.py'], 'absent.py does not exist'),
        ([TOY_CONFIG, '--cfg-options', 'optim_wrapper=None'], 'has no optim_wrapper'),
        ([TOY_CONFIG, '--decay-rate', '0'], 'decay_rate must be a number above 0 and at most 1'),
        ([TOY_CONFIG, '--decay-rate', '0.5'], 'needs a backbone with get_layer_depth'),
    ],
)
def test_a_mistake_is_one_line(argv, words, capsys):
    assert main(argv) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith('print_param_groups: error: ')
    assert words in lines[0]


def test_the_last_line_is_the_same_as_json(tables, capsys):
    """The tables' own figures: the learning rates' scales, and tensors and parameters by group."""
    shown = tables(TOY_CONFIG)['as the config says']
    assert main([TOY_CONFIG, '--json']) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report['config'] == TOY_CONFIG
    (group,) = report['groups']['as the config says']
    assert shown[1].split()[:1] == [f'{group["lr_scale"]:.4g}']
    assert group['names'] == ['layer.weight', 'layer.bias']
    assert group['parameters'] == 3 + 1
