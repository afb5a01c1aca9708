"""The tool's counts are those known of the papers' models, and its mistakes are one line."""

import json
from pathlib import Path

import pytest

from heracles_mm.cli.get_flops import main
from heracles_mm.configs import listed_configs

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
TOY_CONFIG = str(Path(__file__).resolve().parent / 'toy' / 'toy_config.py')


@pytest.fixture
def report(capsys):
    def run(config, *argv):
        assert main([str(CONFIGS / f'{config}.py'), '--json', *argv]) == 0
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return run


@pytest.mark.parametrize(
    ('config', 'parameters', 'plain', 'with_attention'),
    [
        ('heracles_s_tokenlabel_imagenet', 21_739_440, '4.12', '4.90'),
        ('heracles_b_tokenlabel_imagenet', 32_565_392, '6.52', '7.45'),
        ('heracles_l_tokenlabel_imagenet', 54_115_056, '13.36', '15.32'),
    ],
)
def test_heracles_has_the_work_that_was_published(
    config, parameters, plain, with_attention, report
):
    """Convolutions and linear layers round to the published 4.1, 6.5 and 13.4 G."""
    pytest.importorskip('mmpretrain')
    found = report(config)
    assert found['parameters'] == parameters
    assert f'{found["conv_and_linear"] / 1e9:.2f}' == plain
    assert f'{found["with_attention"] / 1e9:.2f}' == with_attention
    assert round(found['conv_and_linear'] / 1e9, 1) == found['published']['work'] / 1e9


def test_a_detector_is_counted_by_its_heads(report):
    """A box head of two linear layers on 7x7 maps, and class and box scores, for each proposal; the
    whole does not depend on whether it was computed."""
    pytest.importorskip('mmdet')
    found = report('mask_rcnn_heracles_nano_scenes', '--shape', '160', '192')
    parts = found['parts']
    box = 64 * 49 * 256 + 256 * 256 + 256 * (6 + 20)
    assert parts['roi_head.bbox_head']['linear'] == found['proposals'] * box
    assert {'backbone.stem', 'backbone.stage 4', 'neck', 'rpn_head', 'roi_head.mask_head'} <= {
        *parts
    }
    assert sum(part['parameters'] for part in parts.values()) == found['parameters']
    computed = report('mask_rcnn_heracles_nano_scenes', '--shape', '160', '192', '--device', 'cpu')
    assert computed['parts']['roi_head.mask_head'] == parts['roi_head.mask_head']
    total, once = 'total', 'once_per_pass'
    assert computed[total] + computed[once] == found[total] + found[once]


def test_a_segmentor_is_counted_by_its_heads(capsys, tmp_path):
    """The decode head is counted; the auxiliary one, which inference skips, has parameters only."""
    pytest.importorskip('mmseg')
    config = tmp_path / 'segmentor.py'
    config.write_text(
        "default_scope = 'mmseg'\n"
        "custom_imports = dict(imports=['heracles_mm'])\n"
        "head = dict(type='FCNHead', in_channels=192, channels=16, num_classes=5, num_convs=1,\n"
        "            norm_cfg=dict(type='BN'), in_index=3, concat_input=False)\n"
        "model = dict(type='EncoderDecoder', backbone=dict(type='Heracles', arch='nano'),\n"
        '             decode_head=head, auxiliary_head=[head],\n'
        "             train_cfg=dict(), test_cfg=dict(mode='whole'))\n"
    )
    assert main([str(config), '--json', '--shape', '64', '96']) == 0
    parts = json.loads(capsys.readouterr().out.splitlines()[-1])['parts']
    positions = 2 * 3  # of the last map
    assert parts['decode_head']['conv'] == positions * (9 * 192 * 16 + 16 * 5)
    assert set(parts['auxiliary_head.0']) == {'parameters'}
    assert parts['auxiliary_head.0']['parameters'] == parts['decode_head']['parameters']


def test_a_segmentor_with_mmdets_head_is_counted_by_its_queries(report):
    """One class more is one more output of a linear layer, for each of 100 queries, before and
    after the only layer of the decoder."""
    pytest.importorskip('mmseg')
    pytest.importorskip('mmdet')
    decoder = 'model.decode_head.transformer_decoder.num_layers=1'
    small = ['--shape', '64', '96', '--device', 'cpu', '--cfg-options', decoder]
    linear = [
        report('mask2former_heracles_s_ade20k', *small, f'model.decode_head.num_classes={classes}')[
            'parts'
        ]['decode_head']['linear']
        for classes in (150, 151)
    ]
    assert linear[1] - linear[0] == 2 * 100 * 256


@pytest.mark.parametrize(
    ('config', 'shape'),
    [('atss_heracles_s_coco_3x', ['800', '1280']), ('upernet_heracles_s_voc', ['512'])],
)
def test_the_index_has_what_is_counted(config, shape, report):
    """docs/configs.md says at which size."""
    (listed,) = [one for one in listed_configs() if one.name == config]
    pytest.importorskip('mmdet' if listed.task == 'detection' else 'mmseg')
    assert report(config, '--shape', *shape)['total'] == listed.flops


def test_the_table_shows_both_conventions_and_what_was_published(capsys):
    pytest.importorskip('mmpretrain')
    assert main([str(CONFIGS / 'heracles_s_tokenlabel_imagenet.py')]) == 0
    shown = capsys.readouterr().out
    for words in ('21,739,440', '4.12 G', '4.90 G', '4.1 G', 'published, arXiv 2403.18063'):
        assert words in shown
    assert main([str(CONFIGS / 'heracles_s_tokenlabel_imagenet.py'), '--shape', '256']) == 0
    assert 'published' not in capsys.readouterr().out


def test_a_model_that_does_not_run_on_meta_tensors_is_sent_to_the_cpu(capsys):
    assert main([TOY_CONFIG]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert 'does not run on meta tensors' in line and line.endswith('try --device cpu')


@pytest.mark.parametrize(
    ('argv', 'words'),
    [
        (['absent.py'], 'absent.py does not exist'),
        ([TOY_CONFIG, '--shape', '16'], 'at least 32 px, got 16'),
        ([TOY_CONFIG, '--shape', '1', '2', '3'], 'got 1 2 3'),
        ([TOY_CONFIG, '--shape', 'wide'], "invalid int value: 'wide'"),
        ([TOY_CONFIG, '--cfg-options', 'model=None'], 'has no model'),
    ],
)
def test_a_mistake_is_one_line(argv, words, capsys):
    assert main(argv) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('get_flops: error: ')
    assert words in line
