"""A config, used once from end to end as a runner uses it, at a reduced size and on made data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import mmengine.runner.runner as runner_module
import pytest
import torch
from batches import BATCHES, SIDE
from made_data import made_data
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from torch import nn
from watched import watch

from heracles_mm.backbones.heracles import HERACLES_ARCHS

AT_MOST = {
    'num': 32,
    'nms_pre': 100,
    'max_per_img': 20,
    'max_per_image': 20,
    'num_points': 200,
    'score_thr': 0.0,
    'channels': 64,
    'fc_out_channels': 64,
    'feedforward_channels': 64,
    'num_convs': 1,
    'num_csp_blocks': 1,
    'num_layers': 2,
    'num_shared_convs': 1,
    'stacked_convs': 1,
}
"""Proposals and the like of a detector: a step of 512 RoIs takes a minute on one core. Without a
threshold an untrained model finds something. Of layers in a row one or two learn and read their
options as all do, and what is wide within a head alone fits nothing else."""

OURS = ('Heracles', 'Hamsa')
"""Backbones of which one block a stage is enough here."""

QUERIES = 64
"""Of DINO, which chooses them among the places of its maps: the pictures here have 85."""


@dataclass
class OneRun:
    """What came of it."""

    model: nn.Module
    parameters: int
    """Of the model before it was reduced."""
    optimizer: torch.optim.Optimizer
    losses: dict[str, float]
    predictions: list
    train_item: dict
    """What the training pipeline makes of the made picture."""
    val_item: dict
    classes: tuple[str, ...] | None
    """Of the training data, where they are known without reading it."""
    unread: set[str]
    """Paths of the config's options that nobody asked for."""


def run_once(cfg: Config, folder: Path) -> OneRun:
    """Build all that ``cfg`` names, train a step, predict, and see what of ``cfg`` was read.

    Args:
        cfg: read after ``made_data.ROOTS`` were set, and left as it is.
        folder: with ``make_data``'s files; the runner may write there.
    """
    whole = cfg
    cfg, unread = watch(_reduced(cfg))
    cfg.work_dir, cfg.log_level = str(folder / 'work'), 'ERROR'
    cfg.check_data = 'off'  # the data sets read no files here
    batch = BATCHES[cfg.default_scope]
    with _without_traces(), made_data(cfg, folder):
        torch.manual_seed(0)
        runner = Runner.from_cfg(cfg)
        runner.model.init_weights()
        train_set = runner.train_loop.dataloader.dataset
        val_set = runner.val_loop.dataloader.dataset
        wrapper = runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        runner.scale_lr(wrapper, runner.auto_scale_lr)
        runner.param_schedulers = runner.build_param_scheduler(runner.param_schedulers)
        assert runner.test_loop.dataloader.dataset[0]
        _switch_pipelines(runner, train_set)
        if 'tta_model' in cfg:
            _build_test_time_augmentation(runner.cfg, runner.model)
        runner.model.train()
        losses = runner.model.train_step(batch(2), wrapper)
        runner.model.eval()
        with torch.no_grad():
            predictions = runner.model.val_step(batch(2))
        return OneRun(
            runner.model,
            _parameters(whole),
            wrapper.optimizer,
            {name: loss.item() for name, loss in losses.items()},
            predictions,
            train_set[0],
            val_set[0],
            train_set.metainfo.get('classes'),
            unread,
        )


def _parameters(cfg: Config) -> int:
    device = 'meta' if cfg.model.backbone.type in OURS else 'cpu'  # where ConvNeXt reads tensors
    with torch.device(device):
        model = MODELS.build(deepcopy(cfg.model))  # a detector changes its options
    return sum(parameter.numel() for parameter in model.parameters())


def _switch_pipelines(runner: Runner, train_set: Any) -> None:
    """Use each pipeline that a hook would put into the place of the first one."""
    for hook in runner.hooks:
        if pipeline := getattr(hook, 'switch_pipeline', None):
            assert Compose(pipeline)(train_set.get_data_info(0))['inputs'].ndim == 3


def _build_test_time_augmentation(cfg: Config, model: nn.Module) -> None:
    tta = cfg.tta_model.copy()
    tta['module'] = model
    MODELS.build(tta)
    Compose(cfg.tta_pipeline)


def _reduced(cfg: Config) -> Config:
    """The same options with smaller values."""
    cfg = Config(cfg._cfg_dict.to_dict(), filename=cfg.filename)
    model, preprocessor = cfg.model, cfg.model.get('data_preprocessor', {})
    _limit(model)
    if model.backbone.type in OURS:
        arch = HERACLES_ARCHS[model.backbone.arch]
        model.backbone.arch = asdict(replace(arch, depths=(1,) * 4, mlp_ratios=(1,) * 4))
    if 'num_queries' in model:
        model.num_queries = QUERIES
    for part in (preprocessor, *preprocessor.get('batch_augments', [])):
        if 'size' in part:  # what batches are padded to
            part.size = (SIDE, SIDE)
    for split in ('train', 'val', 'test'):  # loops that count iterations start the workers
        cfg[f'{split}_dataloader'].update(num_workers=0, persistent_workers=False)
    if 'auto_scale_lr' in cfg:  # as --auto-scale-lr
        cfg.auto_scale_lr.enable = True
    return cfg


def _limit(value: Any) -> None:
    if isinstance(value, dict):
        for key in value.keys() & AT_MOST.keys():
            if not isinstance(value[key], list):
                value[key] = min(value[key], AT_MOST[key])
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            _limit(inner)


@contextmanager
def _without_traces() -> Iterator[None]:
    """A runner tells the machine and the whole config to its log, which takes seconds, and leaves
    its logger, scope and visualizer behind for the whole process."""
    before = {cls: dict(cls._instance_dict) for cls in _managers()}
    with pytest.MonkeyPatch.context() as to:
        to.setattr(runner_module, 'collect_env', dict)
        to.setattr(Config, 'pretty_text', '')
        try:
            yield
        finally:
            for cls in _managers():
                cls._instance_dict.clear()
                cls._instance_dict.update(before.get(cls, {}))


def _managers() -> list[type]:
    """Classes that keep their instances for the whole process."""
    return [MMLogger, MessageHub, DefaultScope, Visualizer, *Visualizer.__subclasses__()]
