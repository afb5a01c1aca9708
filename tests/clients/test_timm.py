"""timm's contract on our models in its registry, and what is built on timm."""

import logging
import re
from pathlib import Path

import pytest
import timm
import torch
from timm.models import group_parameters
from timm.optim import param_groups_layer_decay
from torch import nn

from heracles_mm import Hamsa, Heracles
from heracles_mm import timm as ours
from heracles_mm.checkpoints.shipped import shipped_weights
from heracles_mm.errors import CheckpointError, UsageError

NANO = ('heracles_nano', 'hamsa_nano')
DIMS = (32, 64, 128, 192)


def create(name, **options):
    return timm.create_model(name, **{'img_size': 64, **options})


@pytest.fixture(params=NANO)
def name(request):
    return request.param


def test_all_are_in_the_registry_and_those_with_weights_say_so():
    names = {f'{family}_{arch}' for family in ('heracles', 'hamsa') for arch in 'sbl'} | {*NANO}
    names |= {*shipped_weights()}
    assert names == {*timm.list_models(['heracles_*', 'hamsa_*'])} == {*ours.__all__}
    assert {*timm.list_models(['heracles_*', 'hamsa_*'], pretrained=True)} == {*shipped_weights()}
    with pytest.raises(UsageError, match=r'heracles_s has no published weights \(those of '):
        timm.create_model('heracles_s', pretrained=True)
    with pytest.raises(UsageError, match=r"'output_stride', allowed are arch, "):
        create('heracles_nano', output_stride=16)


def test_a_step_reaches_every_parameter(name):
    model = create(name, num_classes=42).train()
    outputs = model(torch.randn(2, 3, 64, 64))
    assert outputs.shape == (2, 42)
    assert outputs.isfinite().all()
    outputs.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize('arch', ['nano', 's', 'b', 'l'])
@pytest.mark.parametrize('kind', [Heracles, Hamsa])
def test_a_name_is_its_arch(kind, arch):
    with torch.device('meta'):
        model = create(f'{kind.__name__.lower()}_{arch}', num_classes=42)
        backbone = kind(arch, img_size=64)
    found = {key: value.shape for key, value in model.backbone.state_dict().items()}
    expected = {key: value.shape for key, value in backbone.state_dict().items()}
    assert {key: expected[key] for key in found} == found
    assert model.head.fc.in_features == backbone.num_features


def test_default_cfg_and_classifier(name):
    """As timm's own test_model_default_cfgs."""
    model = create(name).eval()
    keys, cfg = model.state_dict().keys(), model.default_cfg
    assert f'{cfg["classifier"]}.weight' in keys
    assert f'{cfg["first_conv"]}.weight' in keys
    assert cfg == model.pretrained_cfg
    x = torch.randn(1, *cfg['input_size'])
    with torch.no_grad():
        features = model.forward_features(x)
        assert features.shape == (1, model.num_features, *cfg['pool_size'])
        assert model(x).shape == (1, model.num_classes) == (1, 1000)
        pooled = model.forward_head(features, pre_logits=True)
        assert pooled.shape == (1, model.head_hidden_size)
        torch.testing.assert_close(model.get_classifier()(pooled), model(x))
        model.reset_classifier(0)
        torch.testing.assert_close(model(x), features.mean((2, 3)))
        model.reset_classifier(0, '')
        torch.testing.assert_close(model(x), features)
        model.reset_classifier(5, 'catavgmax')
        assert model(x).shape == (1, 5)
        assert model.head_hidden_size == 2 * model.num_features
    data = timm.data.resolve_data_config({}, model=model)
    assert data['input_size'] == (3, 224, 224)
    assert data['crop_pct'] == 0.96


def test_drop_rates_and_options_reach_the_model(name):
    model = create(name, num_classes=2, drop_rate=0.3, drop_path_rate=0.2, global_pool='max')
    assert model.head.drop.p == 0.3
    assert model.head.global_pool.pool_type == 'max'
    assert model.backbone.stages[3].blocks[-1].drop_path.rate == pytest.approx(0.2)
    assert model.backbone.img_size == (64, 64)


@pytest.mark.parametrize(
    ('out_indices', 'taken'),
    [((0, 1, 2, 3), (0, 1, 2, 3)), ((1, -1), (1, 3)), ((2, 0), (2, 0)), (2, (2, 3)), ((1,), (1,))],
)
@pytest.mark.parametrize('side', [64, 75])
def test_features_only(name, out_indices, taken, side):
    model = create(name, features_only=True, in_chans=4, out_indices=out_indices).eval()
    maps = model(torch.randn(2, 4, side, 96))
    assert model.feature_info.channels() == [DIMS[i] for i in taken]
    assert model.feature_info.reduction() == [4 * 2**i for i in taken]
    assert [tuple(m.shape) for m in maps] == [
        (2, DIMS[i], -(-side // (4 * 2**i)), -(-96 // (4 * 2**i))) for i in taken
    ]
    modules = dict(model.named_modules())
    assert all(each in modules for each in model.feature_info.module_name())
    assert len(model.backbone.stages) == max(taken) + 1  # no parameter without a gradient


def test_intermediates_are_the_maps_of_the_stages(name):
    model, x = create(name).eval(), torch.randn(2, 3, 64, 64)
    final, maps = model.forward_intermediates(x)
    torch.testing.assert_close(final, model.forward_features(x))
    features = create(name, features_only=True)
    features.load_state_dict(model.state_dict())
    torch.testing.assert_close(maps, features.eval()(x))
    some = model.forward_intermediates(x, (2, 0), stop_early=True, intermediates_only=True)
    torch.testing.assert_close(some, [maps[2], maps[0]])
    assert model.prune_intermediate_layers((1,)) == [1]
    torch.testing.assert_close(model(x), maps[1])


def test_checkpointing_changes_no_number(name):
    model, x = create(name, drop_path_rate=0.0).train(), torch.randn(2, 3, 64, 64)
    results = []
    for enable in (False, True):
        model.set_grad_checkpointing(enable)
        loss = model(x).square().mean()
        results.append(torch.autograd.grad(loss, list(model.parameters())))
    torch.testing.assert_close(*results)


def test_groups_are_the_depths_of_layer_decay(name):
    model = create(name, num_classes=2)
    groups = group_parameters(model, model.group_matcher(), reverse=True)
    assert groups == {key: model.backbone.get_layer_depth(key, 'backbone.')[0] for key in groups}
    assert {*groups} == {key for key, _ in model.named_parameters()}
    coarse = group_parameters(model, model.group_matcher(coarse=True), reverse=True)
    assert [*dict.fromkeys(coarse.values())] == [0, 1, 2, 3, 4, 5]
    decayed = param_groups_layer_decay(
        model, 0.05, no_weight_decay_list=model.no_weight_decay(), layer_decay=0.7
    )
    assert sum(len(group['params']) for group in decayed) == len([*model.parameters()])


# ---- weights


def checkpoint(tmp_path, weights, **more):
    path = tmp_path / 'weights.pth'
    torch.save({'state_dict': weights, **more}, path)
    return str(path)


@pytest.mark.parametrize('features_only', [False, True])
@pytest.mark.parametrize('prefix', ['', 'backbone.', 'module.backbone.'])
def test_our_checkpoints_load(tmp_path, caplog, prefix, features_only):
    """Of a backbone, of a classifier with a class block, and with other channels in the stem."""
    source = Heracles('nano', img_size=96)
    weights = {f'{prefix}{key}': value for key, value in source.state_dict().items()}
    if prefix:
        weights |= {'neck.query': torch.ones(3), 'head.fc.weight': torch.ones(9, 192)}
    path = checkpoint(tmp_path, weights, meta=dict(epoch=3))
    with caplog.at_level(logging.INFO):
        model = create('heracles_nano', features_only=features_only, checkpoint_path=path)
    report = str(model.backbone.load_report)
    assert 'resized from 24x24 to 16x16' in report
    if not features_only:
        assert 'the linear layer keeps its weights' in caplog.text
    x = torch.randn(1, 3, 64, 64)
    own = model.eval().forward_features(x) if not features_only else model.eval()(x)[-1]
    torch.testing.assert_close(own, source.eval()(x)[-1], rtol=1e-4, atol=1e-4)
    four = create('heracles_nano', in_chans=4, checkpoint_path=path)
    assert 'repeated from 3 to 4 input channels' in str(four.backbone.load_report)


def test_a_linear_layer_loads_where_its_classes_are_the_same(tmp_path, caplog):
    source = create('hamsa_nano', num_classes=3)
    path = checkpoint(tmp_path, source.state_dict())
    same = create('hamsa_nano', num_classes=3, checkpoint_path=path)
    torch.testing.assert_close(same.state_dict(), source.state_dict(), rtol=0, atol=0)
    assert not caplog.messages
    create('hamsa_nano', num_classes=4, checkpoint_path=path)
    assert 'that of the checkpoint is for 3 classes' in caplog.text
    overlay = dict(file=path, num_classes=3)
    pretrained = create(
        'hamsa_nano', num_classes=3, in_chans=1, pretrained=True, pretrained_cfg_overlay=overlay
    )
    torch.testing.assert_close(pretrained.head.fc.weight, source.head.fc.weight)
    first = 'backbone.stages.0.embed.convs.0.weight'
    torch.testing.assert_close(
        pretrained.state_dict()[first], source.state_dict()[first].sum(1, keepdim=True)
    )


def test_weights_of_something_else_are_refused(tmp_path):
    path = checkpoint(tmp_path, Hamsa('nano').state_dict())
    with pytest.raises(CheckpointError, match=r'of the .* tensors of Heracles'):
        create('heracles_nano', checkpoint_path=path)


# ---- what is built on timm


@pytest.mark.parametrize('library', ['timm', 'segmentation_models_pytorch', 'transformers'])
def test_the_document_runs(library, capsys):
    pytest.importorskip(library, reason='needs that library')
    text = (Path(__file__).parents[2] / 'docs/timm.md').read_text()
    (code,) = (
        code
        for code in re.findall('```python\n(.+?)```', text, re.DOTALL)
        if re.search(rf'^(import|from) {library}\b', code, re.MULTILINE)
    )
    exec(code, {})
    printed = capsys.readouterr().out.splitlines()
    for line in re.findall(r'# (\[.+\])$', code, re.MULTILINE):
        assert line in printed


def test_segmentation_models_pytorch_trains():
    smp = pytest.importorskip('segmentation_models_pytorch', reason='needs that library')
    model = smp.Unet('tu-heracles_nano', encoder_weights=None, in_channels=4, classes=2)
    x = torch.randn(2, 4, 64, 96)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(2):
        masks = model(x)
        assert masks.shape == (2, 2, 64, 96)
        losses.append(nn.functional.cross_entropy(masks, torch.zeros(2, 64, 96).long()))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert all(p.grad is not None for p in model.parameters())
    assert losses[1] < losses[0]


def test_transformers_backbone_gives_the_maps():
    transformers = pytest.importorskip('transformers', reason='needs that library')
    config = transformers.TimmBackboneConfig(
        backbone='hamsa_nano', num_channels=4, out_indices=[1, 3]
    )
    model = transformers.AutoBackbone.from_config(config).eval()
    assert model.channels == [64, 192]
    outputs = model(torch.randn(1, 4, 64, 96), output_hidden_states=True)
    assert [tuple(m.shape) for m in outputs.feature_maps] == [(1, 64, 8, 12), (1, 192, 2, 3)]
    assert [m.shape[1] for m in outputs.hidden_states] == list(DIMS)
