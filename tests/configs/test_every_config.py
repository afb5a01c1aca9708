"""Contract of every config in the folder: it builds what it says, and that trains and predicts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import InstanceData
from torch import nn

pytest.importorskip('mmdet', reason='the configs are of mmdet, which is not installed')

CONFIGS = sorted((Path(__file__).parents[2] / 'configs').glob('*.py'))
SIDE = 96


@pytest.fixture(scope='module', params=CONFIGS, ids=lambda path: path.stem)
def config(request) -> Config:
    return Config.fromfile(request.param)


@pytest.fixture(scope='module')
def model(config) -> nn.Module:
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope(config.default_scope):
        return MODELS.build(config.model)


def batch(model: nn.Module, count: int = 2) -> dict:
    """Pictures with one square object each."""
    from mmdet.structures import DetDataSample
    from mmdet.structures.bbox import HorizontalBoxes
    from mmdet.structures.mask import BitmapMasks

    samples = []
    for _ in range(count):
        sample = DetDataSample(
            metainfo=dict(
                img_shape=(SIDE, SIDE),
                ori_shape=(SIDE, SIDE),
                scale_factor=(1.0, 1.0),
                pad_shape=(SIDE, SIDE),
                batch_input_shape=(SIDE, SIDE),
            )
        )
        mask = np.zeros((1, SIDE, SIDE), np.uint8)
        mask[0, 20:70, 30:80] = 1
        sample.gt_instances = InstanceData(
            bboxes=HorizontalBoxes(torch.tensor([[30.0, 20.0, 80.0, 70.0]])),
            labels=torch.tensor([0]),
            masks=BitmapMasks(mask, SIDE, SIDE),
        )
        sample.ignored_instances = InstanceData(
            bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long)
        )
        samples.append(sample)
    pictures = [torch.randint(256, (3, SIDE, SIDE), dtype=torch.uint8) for _ in range(count)]
    return model.data_preprocessor(dict(inputs=pictures, data_samples=samples), training=True)


def test_its_first_comment_says_what_it_is(config):
    """The method, the model with its size, and the data stand in the first line."""
    first = Path(config.filename).read_text().splitlines()[0].lower()
    method, (family, arch) = 'mask r-cnn', (Path(config.filename).stem.split('_')[2:4])
    assert first.startswith('#')
    assert method in first
    assert family in first
    assert (f'{family}-{arch}' in first) or (f'{arch} {family}' in first)


def test_its_neck_takes_what_the_backbone_gives(config, model):
    assert tuple(config.model.neck.in_channels) == model.backbone.out_channels


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


def test_it_trains_a_step_and_every_backbone_parameter_learns(model):
    model.train()
    losses, _ = model.parse_losses(model(**batch(model), mode='loss'))
    losses.backward()
    assert losses.isfinite()
    lame = [n for n, p in model.backbone.named_parameters() if p.grad is None]
    assert not lame


def test_it_predicts(model, config):
    model.eval()
    with torch.no_grad():
        results = model(**batch(model, count=1), mode='predict')
    found = results[0].pred_instances
    assert found.masks.shape[1:] == (SIDE, SIDE)
    assert len(found.scores) <= config.model.test_cfg.rcnn.max_per_img


def test_schedules_end_with_the_training(config):
    length = config.train_cfg.get('max_epochs') or config.train_cfg.max_iters
    assert config.param_scheduler[-1].end == length
    assert all(m < length for s in config.param_scheduler for m in s.get('milestones', ()))


def test_coco_is_where_the_environment_says(monkeypatch):
    monkeypatch.setenv('COCO_ROOT', '/somewhere/coco')
    config = Config.fromfile(CONFIGS[0].with_name('mask_rcnn_heracles_s_coco.py'))
    assert config.train_dataloader.dataset.data_root == '/somewhere/coco'
    assert config.val_evaluator.ann_file == '/somewhere/coco/annotations/instances_val2017.json'
    monkeypatch.delenv('COCO_ROOT')
    config = Config.fromfile(CONFIGS[0].with_name('mask_rcnn_heracles_s_coco.py'))
    assert config.train_dataloader.dataset.data_root == 'data/coco/'
