"""Contract of every config in the folder: it builds what it says, and that trains and predicts."""

from pathlib import Path

import pytest
import torch
from batches import BATCHES, SIDE
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope
from torch import nn

CONFIGS = sorted((Path(__file__).parents[2] / 'configs').glob('*.py'))
METHODS = {'mask_rcnn': 'mask r-cnn', 'tokenlabel': 'token labels'}
"""A word of a config's file name, and what its first comment calls it."""


@pytest.fixture(scope='module', params=CONFIGS, ids=lambda path: path.stem)
def config(request) -> Config:
    pytest.importorskip(_scope(request.param), reason='the library of the config')
    return Config.fromfile(request.param)


def _scope(path: Path) -> str:
    return Config.fromfile(path, import_custom_modules=False).default_scope


@pytest.fixture(scope='module')
def model(config) -> nn.Module:
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope(config.default_scope):
        return MODELS.build(config.model)


def batch(config: Config, model: nn.Module, count: int = 2) -> dict:
    return BATCHES[config.default_scope](model, count)


def test_its_first_comment_says_what_it_is(config):
    """The method, the model with its size, and the data stand in the first line."""
    path = Path(config.filename)
    first = path.read_text().splitlines()[0].lower()
    words = path.stem.split('_')
    family = next(word for word in words if word in ('heracles', 'hamsa'))
    arch = words[words.index(family) + 1]
    assert first.startswith('#')
    assert all(said in first for word, said in METHODS.items() if word in path.stem)
    assert (
        (f'{family}-{arch}' in first)
        or (f'{family} {arch}' in first)
        or (f'{arch} {family}' in first)
    )


def test_what_follows_the_backbone_takes_what_it_gives(config, model):
    widths = model.backbone.out_channels
    if config.default_scope == 'mmdet':
        assert tuple(config.model.neck.in_channels) == widths
    else:
        assert config.model.neck.get('in_channels', widths[-1]) == widths[-1]
        assert config.model.head.in_channels == widths[-1]
        one_hot = config.model.data_preprocessor.get('num_classes')  # of mixed pictures' targets
        assert one_hot in (None, config.model.head.num_classes)


def test_its_work_goes_through_our_hooks_and_imports(config):
    """Everything mmengine needs to find is in custom_imports, so mmdet's own tools run it too."""
    assert 'heracles_mm' in config.custom_imports.imports
    assert 'heracles_mm.engine' in config.custom_imports.imports
    assert not config.custom_imports.get('allow_failed_imports')
    assert 'PlainCheckpointHook' in [hook.type for hook in config.custom_hooks]


def test_it_depends_on_no_download(config):
    """download.openmmlab.com is gone, and no weights are public: nothing may be fetched."""
    assert 'http' not in config.pretty_text


def test_norms_and_biases_do_not_decay_and_filters_and_kernels_do(config, model):
    with DefaultScope.overwrite_default_scope(config.default_scope):
        wrapper = build_optim_wrapper(model, config.optim_wrapper)
    decay = {id(p): g['weight_decay'] for g in wrapper.param_groups for p in g['params']}
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            assert decay[id(parameter)] == 0, name
        if 'filter.weight' in name or 'kernel.weight' in name:
            assert decay[id(parameter)] == 0.05, name


def test_it_trains_a_step_and_every_parameter_learns(config, model):
    model.train()
    losses, _ = model.parse_losses(model(**batch(config, model), mode='loss'))
    losses.backward()
    assert losses.isfinite()
    learning = model.backbone if config.default_scope == 'mmdet' else model
    assert not [n for n, p in learning.named_parameters() if p.grad is None]


def test_it_predicts(config, model):
    model.eval()
    with torch.no_grad():
        result = model(**batch(config, model), mode='predict')[0]
    if config.default_scope == 'mmdet':
        assert result.pred_instances.masks.shape[1:] == (SIDE, SIDE)
        assert len(result.pred_instances.scores) <= config.model.test_cfg.rcnn.max_per_img
    else:
        assert result.pred_score.shape == (config.model.head.num_classes,)
        assert result.pred_score.sum().item() == pytest.approx(1, abs=1e-4)


def test_schedules_end_with_the_training(config):
    length = config.train_cfg.get('max_epochs') or config.train_cfg.max_iters
    assert config.param_scheduler[-1].end == length
    assert all(m < length for s in config.param_scheduler for m in s.get('milestones', ()))


PLACES = {
    'mask_rcnn_heracles_s_coco': ('COCO_ROOT', 'data/coco/'),
    'heracles_s_imagenet': ('IMAGENET_ROOT', 'data/imagenet/'),
    'heracles_s_cifar10': ('CIFAR10_ROOT', 'data/cifar10/'),
    'heracles_s_cifar100': ('CIFAR100_ROOT', 'data/cifar100/'),
    'heracles_s_flowers102': ('FLOWERS102_ROOT', 'data/flowers102/'),
    'heracles_s_cars': ('CARS_ROOT', 'data/stanford_cars/'),
}


@pytest.mark.parametrize(('name', 'variable', 'default'), [(k, *v) for k, v in PLACES.items()])
def test_data_are_where_the_environment_says(name, variable, default, monkeypatch):
    path = CONFIGS[0].with_name(f'{name}.py')
    pytest.importorskip(_scope(path))
    for value, place in (('/somewhere/data/', '/somewhere/data/'), (None, default)):
        monkeypatch.delenv(variable, raising=False)
        if value:
            monkeypatch.setenv(variable, value)
        config = Config.fromfile(path)
        for loader in (config.train_dataloader, config.val_dataloader, config.test_dataloader):
            assert loader.dataset.data_root == place
        if 'ann_file' in config.val_evaluator:
            assert config.val_evaluator.ann_file.startswith(place)


def test_a_fine_tuned_classifier_starts_from_the_environments_checkpoint(monkeypatch):
    path = CONFIGS[0].with_name('hamsa_s_cars_384.py')
    pytest.importorskip(_scope(path))
    monkeypatch.setenv('PRETRAINED', '/somewhere/classifier.pth')
    assert Config.fromfile(path).load_from == '/somewhere/classifier.pth'
