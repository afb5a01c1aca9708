"""Options that disagree are named before the run; those of the libraries' own configs pass."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from torch import nn

from heracles_mm.data_checks.config_options import config_findings
from heracles_mm.data_checks.findings import Odd

ROOT = Path(__file__).resolve().parents[2]
STAGES = ('train', 'val', 'test')


def findings(**options):
    """Of ten epochs of a classifier of three classes."""
    base = Config(
        {
            'default_scope': 'mmpretrain',
            'model': {'head': {'num_classes': 3}},
            'train_cfg': {'by_epoch': True, 'max_epochs': 10},
            'val_cfg': {},
            'optim_wrapper': {'optimizer': {'type': 'AdamW'}},
        }
    )
    base.merge_from_dict(options)
    return list(config_findings(base, STAGES))


def test_what_agrees_passes():
    assert findings() == []


@pytest.mark.parametrize('config', sorted((ROOT / 'configs').glob('*.py')), ids=lambda p: p.stem)
def test_our_configs_pass(config):
    assert list(config_findings(Config.fromfile(config), STAGES)) == []


CONTROLS = (
    'mmdet/.mim/configs/mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py',
    'mmdet/.mim/configs/rtmdet/rtmdet_s_8xb32-300e_coco.py',
    'mmdet/.mim/configs/yolox/yolox_s_8xb8-300e_coco.py',
    'mmseg/.mim/configs/upernet/upernet_r50_4xb2-40k_cityscapes-512x1024.py',
    'mmpretrain/.mim/configs/swin_transformer/swin-tiny_16xb64_in1k.py',
    'mmpretrain/.mim/configs/resnet/resnet50_8xb32_in1k.py',
)


@pytest.mark.parametrize('name', CONTROLS)
def test_the_libraries_own_configs_pass(name):
    """Recipes that many have trained are right by definition."""
    library = pytest.importorskip(name.partition('/')[0])
    config = Path(library.__file__).parents[1] / name
    assert list(config_findings(Config.fromfile(config), STAGES)) == []


COSINE = {'type': 'CosineAnnealingLR', 'by_epoch': True, 'T_max': 10}


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'data_preprocessor': {'mean': [0.5] * 3, 'std': [0.2] * 3}}, 'multiply both by 255'),
        ({'data_preprocessor': {'num_classes': 1000}}, 'num_classes is 1000 and head.num_classes'),
        ({'train_cfg.val_begin': 11}, 'val_begin is 11'),
        ({'param_scheduler': [{**COSINE, 'T_max': 20}]}, 'beyond the end of the run, at 20 of 10'),
        ({'param_scheduler': {**COSINE, 'T_max': 4, 'end': 4}}, 'ends after 4 of 10 epochs'),
        (
            {'param_scheduler': [{'type': 'MultiStepLR', 'milestones': [8, 11, 16]}]},
            'at 11, 16 of 10',
        ),
        (
            {'param_scheduler': [{'type': 'PolyLR', 'by_epoch': False, 'end': 10}]},
            'ends after 10 iterations of a run of 10 epochs',
        ),
        (
            {
                'train_cfg': {'_delete_': True, 'type': 'IterBasedTrainLoop', 'max_iters': 10},
                'param_scheduler': [COSINE],
            },
            'counts epochs and the run counts iterations',
        ),
    ],
)
def test_what_looks_wrong_is_a_warning(options, words):
    (found,) = findings(**options)
    assert isinstance(found, Odd)
    assert words in found


@pytest.mark.parametrize(
    'schedule',
    [
        [{'type': 'LinearLR', 'by_epoch': False, 'begin': 0, 'end': 500}],
        [{'type': 'LinearLR', 'by_epoch': True, 'end': 2}, {**COSINE, 'begin': 2, 'T_max': 8}],
        [{'type': 'MultiStepLR', 'milestones': [8], 'end': 9}],
        [{'type': 'ConstantLR', 'factor': 1.0, 'by_epoch': False, 'end': 3}],
        [{'type': 'OneCycleLR', 'by_epoch': False, 'total_steps': 4000}],
    ],
)
def test_sound_schedules_pass(schedule):
    """Warm-ups end early, steps hold the rate after them, and many count iterations."""
    assert findings(param_scheduler=schedule) == []


def test_more_top_classes_than_classes_are_refused():
    (found,) = findings(test_evaluator={'type': 'Accuracy', 'topk': (1, 5)})
    assert not isinstance(found, Odd)
    assert 'top 5 of 3 classes' in found


def test_mixing_labels_of_another_number_of_classes_is_refused():
    options = {
        'data_preprocessor': {'num_classes': 1000},
        'model.train_cfg': {'augments': [{'type': 'Mixup', 'alpha': 0.8}]},
    }
    (found,) = findings(**options)
    assert not isinstance(found, Odd)


@pytest.mark.parametrize(
    ('name', 'words'), [('DAdaptAdam', 'install dadaptation'), ('AdamV', 'take Adam, ')]
)
def test_an_unknown_optimizer_is_named_with_what_there_is(name, words):
    """The control: mmengine asks None for its signature."""
    (found,) = findings(**{'optim_wrapper.optimizer.type': name})
    assert not isinstance(found, Odd)
    assert name in found
    assert words in found
    with pytest.raises(TypeError, match='None is not a callable'):
        build_optim_wrapper(nn.Linear(1, 1), {'optimizer': {'type': name, 'lr': 0.1}})
