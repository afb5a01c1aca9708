"""One training step and one evaluation batch before a run starts, on copies."""

import contextlib
import copy
import io
import logging
import time
from collections.abc import Iterator
from typing import Any

import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.evaluator import DumpResults, Evaluator
from mmengine.hooks import CheckpointHook, EarlyStoppingHook, Hook
from mmengine.model import BaseModel, is_model_wrapper
from mmengine.optim import ReduceOnPlateauParamScheduler
from mmengine.registry import HOOKS
from mmengine.runner import EpochBasedTrainLoop, FlexibleRunner, Runner, ValLoop, autocast
from torch.utils._pytree import tree_leaves

from heracles_mm.data_checks import CheckDataHook
from heracles_mm.engine.first_step import before_first_step
from heracles_mm.engine.random_state import random_state, set_random_state
from heracles_mm.errors import UserError

CPU_BATCH = 2
"""Pictures of the rehearsed batch on a CPU, where a GPU's batch would take minutes."""


@HOOKS.register_module()
class RehearsalHook(Hook):
    """Let what would fail after an epoch fail in the first minute.

    When the loop of training takes its first step, a batch of the real data goes forward and
    backward through a copy of the model (and a last batch, where that has one picture), then one of
    the validation data through prediction and the evaluators. What fails raises the libraries' own
    error. Weights, random numbers, the order of the data and the evaluators are afterwards as if
    nothing had been. Left alone are sharded models, those with a ``train_step`` of their own or a
    compiled ``forward``, and runners that were not built from a config.

    Args:
        enabled: False leaves the rehearsal out.

    Raises:
        UserError: save_best, EarlyStoppingHook or a scheduler waits for a metric that no evaluator
            gives, or an epoch has no batch.
    """

    priority = 'LOWEST'  # before what other hooks have left for the first step

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled

    def before_train(self, runner: Runner) -> None:
        """Rehearse when the loop takes its first step, after ``before_train`` of every hook.

        Not in this method: mmengine takes the traceback from a TypeError raised in a hook.
        """
        model = _unwrapped(runner)
        plain = getattr(type(model), 'train_step', None) is BaseModel.train_step
        plain &= 'forward' not in vars(model)  # compiled, and bound to this very model
        known = isinstance(runner.cfg.get('train_dataloader'), dict)
        if self.enabled and plain and known and not isinstance(runner, FlexibleRunner):
            before_first_step(runner.train_loop, lambda: self._rehearse(runner))

    def _rehearse(self, runner: Runner) -> None:
        begin, numbers = time.monotonic(), random_state()
        try:
            with _quiet(runner.logger):
                metrics = _rehearse(runner, copy.deepcopy(_unwrapped(runner)))
        except UserError:
            raise
        except Exception:
            runner.logger.error(
                'one training step and one evaluation batch were tried before the run, and failed '
                'as the run would have: see the error below. --rehearse off, or '
                "dict(type='RehearsalHook', enabled=False) in custom_hooks, leaves this out."
            )
            raise
        finally:
            set_random_state(numbers)
        if metrics is not None:
            _check_names(runner, metrics)
        runner.logger.info(f'rehearsed one step in {time.monotonic() - begin:.1f} s')


def _unwrapped(runner: Runner) -> Any:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def _rehearse(runner: Runner, model: Any) -> dict[str, Any] | None:
    """Train and evaluate ``model``; the metrics by name, None where they cannot be known."""
    model.train()
    for size in _sizes(runner):
        with runner.optim_wrapper.optim_context(model):
            data = model.data_preprocessor(_batch(runner, 'train', size), True)
            loss, _ = model.parse_losses(model._run_forward(data, mode='loss'))
        loss.backward()
    if runner.val_loop is None:
        return None
    model.eval()
    _keep_every_box(model)
    batch = _batch(runner, 'val')
    with torch.no_grad(), autocast(enabled=getattr(runner.val_loop, 'fp16', False)):
        samples = [s.to_dict() if hasattr(s, 'to_dict') else s for s in model.val_step(batch)]
    if type(runner.val_loop) is not ValLoop or type(runner.val_evaluator) is not Evaluator:
        return None  # others may name metrics anew, or divide the data among them
    found: dict[str, Any] = {}
    for metric in runner.val_evaluator.metrics:
        if isinstance(metric, DumpResults):
            continue
        metric = copy.copy(metric)
        metric.results = []
        if getattr(metric, 'outfile_prefix', None):  # mmdet's: nothing is written
            metric.outfile_prefix = None
        if hasattr(metric, 'img_ids'):  # mmdet's: of these pictures alone
            metric.img_ids = [sample['img_id'] for sample in samples]
        metric.process(batch, samples)
        values = metric.compute_metrics(metric.results)
        if not values:  # an untrained model may find nothing
            return None
        found |= {f'{metric.prefix}/{k}' if metric.prefix else k: v for k, v in values.items()}
    return found


def _sizes(runner: Runner) -> list[int | None]:
    """Sizes of the batches to train on, None for the config's: a last one of one picture too.

    Raises:
        UserError: an epoch has no batch.
    """
    loop, options = runner.train_loop, runner.cfg.train_dataloader
    size = options.get('batch_size', 1)
    if not isinstance(loop, EpochBasedTrainLoop) or 'batch_sampler' in options or size < 2:
        return [None]
    count, left_out = len(loop.dataloader.sampler), options.get('drop_last', False)
    if left_out and count < size:
        raise UserError(
            f'an epoch would have no step: train_dataloader has {count} pictures, batch_size={size}'
            f' and drop_last=True: give a batch_size of at most {count}, or drop_last=False'
        )
    return [None] if left_out or count % size != 1 else [None, 1]


def _keep_every_box(model: Any) -> None:
    """Let an untrained detector (a copy) find objects, so that its metrics have values."""
    for module in model.modules():
        waiting = [getattr(module, 'test_cfg', None)]
        for options in waiting:
            if isinstance(options, dict):
                waiting += options.values()
                if 'score_thr' in options:
                    options['score_thr'] = 0.0


def _batch(runner: Runner, stage: str, size: int | None = None) -> Any:
    """A batch as the run will see it, from a loader of its own in this process."""
    options, loader = (
        dict(runner.cfg[f'{stage}_dataloader']),
        getattr(runner, f'{stage}_dataloader'),
    )
    data = loader.dataset  # build_dataloader copies it, and of num_batch_per_epoch's it cannot
    options['dataset'] = data._dataset if options.get('num_batch_per_epoch') else data
    small = isinstance(loader.sampler, (DefaultSampler, InfiniteSampler))  # others may mix sources
    if small and not torch.cuda.is_available():
        options['batch_size'] = min(options.get('batch_size', 1), CPU_BATCH)
    options['batch_size'] = size or options.get('batch_size', 1)
    for name in ('prefetch_factor', 'num_batch_per_epoch', 'persistent_workers'):
        options.pop(name, None)
    loader = runner.build_dataloader({**options, 'num_workers': 0}, seed=runner.seed)
    batch = next(iter(loader))
    for hook in runner.hooks:
        if isinstance(hook, CheckDataHook):  # names the file of a wrong label before a loss fails
            getattr(hook, f'before_{stage}_iter')(runner, 0, batch)
    return batch


def _check_names(runner: Runner, metrics: dict[str, Any]) -> None:
    """Raise a UserError about a metric that is waited for and that no evaluator gives."""
    wanted: list[tuple[str, str]] = []
    for hook in runner.hooks:
        if isinstance(hook, EarlyStoppingHook):
            wanted.append(('EarlyStoppingHook.monitor', hook.monitor))
        if not isinstance(hook, CheckpointHook):
            continue
        keys = getattr(hook, 'key_indicators', None) or ()
        if 'auto' in keys:  # of the first metric; mmengine says what it cannot do
            copy.copy(hook)._init_rule(hook.rules, [next(iter(metrics))])
        wanted += [('default_hooks.checkpoint.save_best', key) for key in keys if key != 'auto']
    for scheduler in tree_leaves(runner.param_schedulers):
        if isinstance(scheduler, ReduceOnPlateauParamScheduler):
            wanted.append((f'{type(scheduler).__name__}.monitor', scheduler.monitor))
    for option, name in wanted:
        if name not in metrics:
            raise UserError(
                f'{option} is {name!r}, and the evaluators give {", ".join(metrics)}: name one of '
                'these'
            )


@contextlib.contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Leave out what evaluators print and log about a single batch."""
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
