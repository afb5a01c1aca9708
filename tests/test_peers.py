"""The peers of benchmarks/real_data.py: their size is that of ours, and so is their recipe."""

import runpy
from pathlib import Path

import pytest
from mmengine.config import Config

pytest.importorskip('mmdet', reason='peers detect')
pytest.importorskip('mmseg', reason='and segment')
pytest.importorskip('mmpretrain', reason='and are its backbones')

from mmpretrain.models import ConvNeXt, SwinTransformer

from heracles_mm.cli.get_flops import make_report

ROOT = Path(__file__).parents[1]
KINDS = ('convnext', 'swin', 'resnet')
SIZES = {'heracles_nano': 'nano', 'hamsa_nano': 'nano_wide'}
TASKS = {
    'imagenette': '',
    'imagenette_5e': '',
    'cifar10': '',
    'pennfudan': 'mask_rcnn_',
    'camvid': 'upernet_',
}
"""Config in benchmarks/peers -> how the names of ours begin."""

OTHER = ('backbones', 'peer', 'peers', 'backbone', 'channels', 'pools', 'maps', 'custom_imports')
OTHER += ('swin', 'resnet', 'convnext', 'depths', 'heads', 'first', 'tiny')
"""What the peers' config has beside the recipe."""


def ours(task, name):
    return Config.fromfile(ROOT / 'configs' / f'{TASKS[task]}{name}_{task}.py')


@pytest.fixture
def peer(monkeypatch):
    def of(task, name):
        monkeypatch.setenv('PEER', name)
        return Config.fromfile(ROOT / 'benchmarks' / 'peers' / f'{task}.py')

    return of


@pytest.mark.parametrize(
    ('task', 'shape', 'allowed'), [('imagenette', (128, 128), 0.1), ('pennfudan', (384, 512), 0.15)]
)
@pytest.mark.parametrize('name', SIZES)
def test_a_peer_is_of_the_size_of_ours(name, task, shape, allowed, peer):
    """Within 10 %; of multiply-adds the classifier at 128 px, whose weights the others start from.
    On larger pictures Heracles' attention grows faster; the page has the numbers."""
    own = make_report(ours(task, name), shape, 'meta')
    for kind in KINDS:
        its = make_report(peer(task, f'{kind}_{SIZES[name]}'), shape, 'meta')
        assert its['parameters'] == pytest.approx(own['parameters'], rel=0.1), kind
        assert its['total'] == pytest.approx(own['total'], rel=allowed), kind


@pytest.mark.parametrize('task', TASKS)
def test_a_peer_has_the_recipe_of_ours(task, peer):
    """Everything but the model, and of the model everything but what the backbone's width says."""
    own, its = ours(task, 'hamsa_nano').to_dict(), peer(task, 'swin_nano_wide').to_dict()
    models = own.pop('model'), its.pop('model')
    for config in (own, its):
        for key in OTHER:
            config.pop(key, None)
    assert its == own
    for model in models:
        del model['backbone']
        for part in model.values():
            if isinstance(part, dict):
                part.pop('in_channels', None)
    assert models[0] == models[1]


@pytest.mark.parametrize('name', ['heracles_s', 'hamsa_s'])
def test_s_models_and_their_peers_have_one_recipe(name, peer, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / 'benchmarks')
    changes = runpy.run_path(str(ROOT / 'benchmarks' / 'real_data.py'))['FOR_A_GPU']
    changed = {key: int(value) for key, value in (change.split('=') for change in changes)}
    configs = [ours('imagenette', name), peer('imagenette', 'swin_t')]
    for config in configs:
        config.merge_from_dict(changed)
        for key in (*OTHER, 'model', 'epochs', 'last_quarter', 'auto_scale_lr'):
            config.pop(key, None)
    assert configs[0].to_dict() == configs[1].to_dict()


def test_the_peers_of_s_models_have_the_published_sizes(peer):
    swin, convnext = (peer('imagenette', name).backbone.arch for name in ('swin_t', 'convnext_t'))
    assert SwinTransformer.arch_zoo['tiny'] == swin.to_dict()
    assert ConvNeXt.arch_settings['tiny'] == convnext.to_dict()


def test_the_convnext_of_the_configs_is_the_peer(peer):
    """Dense peers start from classifiers of either."""
    for size in SIZES.values():
        named = ours('imagenette', f'convnext_{size}').model.to_dict()
        found = peer('imagenette', f'convnext_{size}').model.to_dict()
        assert found['backbone'].pop('type') == f'mmpretrain.{named["backbone"].pop("type")}'
        assert found == named
