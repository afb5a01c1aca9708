"""Layer-wise lr decay in models of all three libraries, beside rates computed from the modules."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope
from torch import nn

import heracles_mm.engine  # noqa: F401  (registers the constructor)
from heracles_mm import Hamsa, Heracles
from heracles_mm.engine.param_groups import format_param_groups, param_groups

LR, RATE, WEIGHT_DECAY = 0.01, 0.6, 0.05
NAME = 'LayerDecayOptimWrapperConstructor'
CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
NANO_DIMS = [32, 64, 128, 192]

SEGMENTOR = dict(
    type='EncoderDecoder',
    backbone=dict(type='Hamsa', arch='nano', img_size=64),
    decode_head=dict(
        type='FCNHead',
        in_channels=NANO_DIMS[-1],
        in_index=3,
        channels=8,
        num_convs=1,
        num_classes=2,
    ),
)
CLASSIFIER = dict(
    type='ImageClassifier',
    backbone=dict(type='Heracles', arch='nano', img_size=64, out_indices=(3,)),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=3, in_channels=NANO_DIMS[-1]),
)


def build(library: str) -> nn.Module:
    pytest.importorskip(library)
    if library == 'mmdet':
        part = Config.fromfile(CONFIGS / 'mask_rcnn_heracles_nano_scenes.py').model
    else:
        part = {'mmseg': SEGMENTOR, 'mmpretrain': CLASSIFIER}[library]
    with DefaultScope.overwrite_default_scope(library):
        return MODELS.build(part)


@pytest.fixture(scope='module', params=['mmdet', 'mmseg', 'mmpretrain'])
def model(request) -> nn.Module:
    return build(request.param)


@pytest.fixture
def backbone() -> Heracles:
    return Heracles('nano', img_size=64)


def optimizer_of(model: nn.Module, constructor: str = NAME, **paramwise) -> torch.optim.Optimizer:
    adam = dict(type='AdamW', lr=LR, weight_decay=WEIGHT_DECAY)
    cfg = Config(dict(w=dict(optimizer=adam, constructor=constructor, paramwise_cfg=paramwise))).w
    return build_optim_wrapper(model, cfg).optimizer


def settings(optimizer: torch.optim.Optimizer, key: str) -> dict[nn.Parameter, float]:
    return {param: group[key] for group in optimizer.param_groups for param in group['params']}


def expected_lr(model: nn.Module, backbone: nn.Module, rate: float) -> dict[nn.Parameter, float]:
    """Walk through the backbone's modules as a picture does, one depth deeper with each block."""
    depth, depths = 0, {}
    for number, stage in enumerate(backbone.stages):
        entrance = list(stage.embed.parameters())
        if number == 0:
            depths.update(dict.fromkeys(entrance, 0))
            entrance = []
        for block in stage.blocks:
            depth += 1
            depths.update(dict.fromkeys([*entrance, *block.parameters()], depth))
            entrance = []
        is_last = number == len(backbone.stages) - 1
        depths.update(dict.fromkeys(stage.norm.parameters(), depth + is_last))
    head = depth + 1
    return {p: LR * rate ** (head - depths.get(p, head)) for p in model.parameters()}


def test_every_parameter_learns_at_the_rate_of_its_depth_and_heads_at_the_full_one(model):
    rates = settings(optimizer_of(model, decay_rate=RATE), 'lr')
    assert rates == pytest.approx(expected_lr(model, model.backbone, RATE), rel=1e-12)
    outside = [name for name, p in model.named_parameters() if rates[p] == LR]
    assert any(not name.startswith('backbone.') for name in outside)
    assert min(rates.values()) == pytest.approx(LR * RATE**11)  # nano: ten blocks, the stem, heads


def test_weight_decay_and_order_are_those_of_mmengine(model):
    """Only the learning rate is ours: the groups are what mmengine's constructor makes."""
    options = dict(norm_decay_mult=0.0, bias_decay_mult=0.5, dwconv_decay_mult=2.0)
    ours = settings(optimizer_of(model, decay_rate=RATE, **options), 'weight_decay')
    theirs = settings(
        optimizer_of(model, 'DefaultOptimWrapperConstructor', **options), 'weight_decay'
    )
    assert list(ours) == list(theirs)
    assert ours == theirs
    assert set(ours.values()) == {WEIGHT_DECAY * mult for mult in (0.0, 0.5, 1.0, 2.0)}


def test_one_option_spares_all_vectors_weight_decay(backbone):
    optimizer = optimizer_of(backbone, decay_rate=RATE, flat_decay_mult=0.0)
    for param, weight_decay in settings(optimizer, 'weight_decay').items():
        assert weight_decay == (0.0 if param.ndim == 1 else WEIGHT_DECAY)


def test_a_rate_of_one_is_mmengines_constructor(backbone):
    options = dict(norm_decay_mult=0.0, custom_keys={'stages.1': dict(lr_mult=0.1, decay_mult=0.3)})
    for key in ('lr', 'weight_decay'):
        ours = settings(optimizer_of(backbone, decay_rate=1.0, **options), key)
        assert ours == settings(
            optimizer_of(backbone, 'DefaultOptimWrapperConstructor', **options), key
        )


def test_classifiers_get_what_mmpretrains_constructor_gives_them():
    model = build('mmpretrain')
    options = dict(norm_decay_mult=0.0, flat_decay_mult=0.0)
    theirs = optimizer_of(
        model,
        'mmpretrain.LearningRateDecayOptimWrapperConstructor',
        layer_decay_rate=RATE,
        **options,
    )
    ours = optimizer_of(model, decay_rate=RATE, **options)
    for key in ('lr', 'weight_decay'):
        assert settings(ours, key) == pytest.approx(settings(theirs, key), rel=1e-12)


def test_custom_keys_multiply_the_decayed_rate(backbone):
    """As they multiply the plain one in mmengine's constructor."""
    plain = settings(optimizer_of(backbone, decay_rate=RATE), 'lr')
    keys = {'stages.2': dict(lr_mult=10.0)}
    custom = settings(optimizer_of(backbone, decay_rate=RATE, custom_keys=keys), 'lr')
    for name, param in backbone.named_parameters():
        mult = 10 if name.startswith('stages.2') else 1
        assert custom[param] == pytest.approx(mult * plain[param])


class Detector(nn.Module):
    """The names that every OpenMMLab model has."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = backbone, nn.Linear(2, 2)


@pytest.mark.parametrize(
    'wrap',
    [
        lambda backbone: Detector(backbone),
        lambda backbone: nn.DataParallel(Detector(backbone)),
        lambda backbone: Detector(nn.DataParallel(backbone)),
        lambda backbone: nn.DataParallel(backbone),
    ],
    ids=['plain', 'wrapped model', 'wrapped backbone', 'bare backbone, wrapped'],
)
def test_wrappers_change_names_and_no_rates(wrap, backbone):
    """MMSeparateDistributedDataParallel wraps the parts, every other wrapper the model."""
    model = wrap(backbone)
    rates = settings(optimizer_of(model, decay_rate=RATE), 'lr')
    assert rates == pytest.approx(expected_lr(model, backbone, RATE))


def test_a_factor_slows_the_backbone_alone_and_leaves_weight_decay_as_it_is(model):
    """A custom key on 'backbone' is mmengine's way, and decays the norms in it again."""
    options = dict(norm_decay_mult=0.0, flat_decay_mult=0.0)
    before = optimizer_of(model, decay_rate=RATE, **options)
    after = optimizer_of(model, decay_rate=RATE, backbone_lr_mult=0.1, **options)
    assert settings(after, 'weight_decay') == settings(before, 'weight_decay')
    inside, rates = set(model.backbone.parameters()), settings(before, 'lr')
    slowed = {p: lr * 0.1 if p in inside else lr for p, lr in rates.items()}
    assert settings(after, 'lr') == pytest.approx(slowed)


def test_a_shared_parameter_is_taken_once_at_the_depth_of_its_first_name():
    backbone = Hamsa('nano', img_size=64)
    model = Detector(backbone)
    model.head.bias = shared = backbone.stages[0].norm.bias
    rates = settings(optimizer := optimizer_of(model, decay_rate=RATE), 'lr')
    assert sum(len(group['params']) for group in optimizer.param_groups) == len(rates)
    assert rates[shared] == rates[backbone.stages[0].norm.weight] < LR


def test_frozen_parameters_are_left_out():
    model = Detector(Heracles('nano', img_size=64, frozen_stages=2))
    trained = [p for p in model.parameters() if p.requires_grad]
    assert set(settings(optimizer_of(model, decay_rate=RATE), 'lr')) == set(trained)


@pytest.mark.parametrize(
    ('options', 'error', 'words'),
    [
        ({}, ValueError, 'decay_rate must be a number above 0 and at most 1, got None'),
        (dict(decay_rate=0), ValueError, 'got 0'),
        (dict(decay_rate=1.5), ValueError, 'got 1.5'),
        (dict(decay_rate=True), ValueError, 'got True'),
        (dict(decay_rate='0.5'), ValueError, "got '0.5'"),
        (dict(decay_rate=float('nan')), ValueError, 'got nan'),
        (
            dict(decay_rat=0.5),
            TypeError,
            'no option decay_rat; it has decay_rate, backbone_lr_mult',
        ),
        (dict(decay_rate=1.0, backbone_lr_mult=0), ValueError, 'above 0, got 0; to leave'),
        (dict(decay_rate=1.0, backbone_lr_mult=True), ValueError, 'above 0, got True'),
        (dict(decay_rate=0.5, norm_decay_mul=0), TypeError, 'no option norm_decay_mul;'),
        (
            dict(decay_rate=0.5, custom_keys={'norm': dict(lr_mul=2)}),
            TypeError,
            'custom_keys.*norm.* has no option lr_mul; it has lr_mult, decay_mult',
        ),
        (
            dict(decay_rate=0.5, custom_keys={'bakbone': dict(lr_mult=2)}),
            ValueError,
            "'bakbone' is in no parameter's name",
        ),
    ],
)
def test_wrong_options_are_named_with_what_is_allowed(options, error, words, backbone):
    with pytest.raises(error, match=words):
        optimizer_of(backbone, **options)


def test_a_backbone_that_tells_no_depths_is_refused():
    with pytest.raises(ValueError, match=r'needs a backbone with get_layer_depth.*Linear has none'):
        optimizer_of(Detector(nn.Linear(2, 2)), decay_rate=RATE)


def test_without_a_learning_rate_there_is_nothing_to_scale(backbone):
    wrapper = dict(
        optimizer=dict(type='AdamW'), constructor=NAME, paramwise_cfg=dict(decay_rate=0.5)
    )
    with pytest.raises(ValueError, match='give it one above 0'):
        build_optim_wrapper(backbone, wrapper)


def test_the_table_holds_every_trained_parameter_once(backbone):
    backbone.stages[0].requires_grad_(False)
    optimizer = optimizer_of(backbone, decay_rate=RATE, norm_decay_mult=0.0)
    groups = param_groups(backbone, optimizer)
    trained = {name: p for name, p in backbone.named_parameters() if p.requires_grad}
    assert sorted(name for group in groups for name in group.names) == sorted(trained)
    assert sum(group.parameters for group in groups) == sum(p.numel() for p in trained.values())
    keys = [(group.lr_scale, group.weight_decay) for group in groups]
    assert keys == sorted(set(keys))
    rates = settings(optimizer, 'lr')
    for group in groups:
        for name in group.names:
            assert rates[trained[name]] == pytest.approx(LR * group.lr_scale)
    lines = format_param_groups(groups).splitlines()
    assert len(lines) == len(groups) + 2  # headings and sums
    assert lines[-1].split() == ['all', f'{len(trained)}', f'{sum(g.parameters for g in groups):,}']


def test_the_groups_are_logged_once_when_they_are_made(backbone, monkeypatch):
    said = []
    target = 'heracles_mm.engine.layer_decay.print_log'
    monkeypatch.setattr(target, lambda message, logger: said.append(message))
    optimizer = optimizer_of(backbone, decay_rate=RATE)
    table = format_param_groups(param_groups(backbone, optimizer))
    assert said == [f'layer decay {RATE}:\n{table}']
