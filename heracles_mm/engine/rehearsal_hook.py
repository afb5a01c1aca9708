"""One training step and one evaluation batch before a run starts, on copies."""

import contextlib
import copy
import io
import logging
import time
from collections.abc import Iterator
from typing import Any

import torch
from mmengine.evaluator import DumpResults
from mmengine.hooks import CheckpointHook, Hook
from mmengine.model import BaseModel, is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import BaseLoop, FlexibleRunner, Runner

from heracles_mm.data_checks import CheckDataHook
from heracles_mm.engine.random_state import random_state, set_random_state
from heracles_mm.errors import UserError

CPU_BATCH = 2
"""Pictures of the rehearsed batch on a CPU, where a GPU's batch would take minutes."""


@HOOKS.register_module()
class RehearsalHook(Hook):
    """Let what would fail after an epoch fail in the first minute.

    Before training, a batch of the real data goes forward and backward through a copy of the model,
    then a batch of the validation data through prediction and the evaluators. What fails raises the
    libraries' own error. Weights, random numbers, the order of the data and the evaluators are
    afterwards as if nothing had been. Left alone are sharded models, those with a ``train_step`` of
    their own or a compiled ``forward``, and runners that were not built from a config.

    Args:
        enabled: False leaves the rehearsal out.

    Raises:
        UserError: CheckpointHook shall keep the best of a metric that the evaluators do not give.
    """

    priority = 'VERY_HIGH'

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled

    def before_run(self, runner: Runner) -> None:
        """Rehearse when the loop of training starts, its weights loaded.

        Not in a method of this hook: mmengine takes the traceback from a TypeError raised there.
        """
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        plain = getattr(type(model), 'train_step', None) is BaseModel.train_step
        plain &= 'forward' not in vars(model)  # compiled, and bound to this very model
        known = isinstance(runner.cfg.get('train_dataloader'), dict)
        loop = None if isinstance(runner, FlexibleRunner) else runner._train_loop
        if not (self.enabled and plain and known and isinstance(loop, BaseLoop)):
            return
        run = loop.run

        def rehearsed_run() -> Any:
            self._rehearse(runner, model)
            return run()

        loop.run = rehearsed_run

    def _rehearse(self, runner: Runner, model: Any) -> None:
        begin, numbers = time.monotonic(), random_state()
        try:
            with _quiet(runner.logger):
                metrics = _rehearse(runner, copy.deepcopy(model))
        except Exception:
            runner.logger.error(
                'one training step and one evaluation batch were tried before the run, and failed '
                'as the run would have: see the error below. --rehearse off, or '
                "dict(type='RehearsalHook', enabled=False) in custom_hooks, leaves this out."
            )
            raise
        finally:
            set_random_state(numbers)
        _check_save_best(runner, metrics)
        runner.logger.info(f'rehearsed one step in {time.monotonic() - begin:.1f} s')


def _rehearse(runner: Runner, model: Any) -> dict[str, Any] | None:
    """Train and evaluate ``model``; the metrics by name, None where not every evaluator has any."""
    model.train()
    with runner.optim_wrapper.optim_context(model):
        data = model.data_preprocessor(_batch(runner, 'train'), True)
        loss, _ = model.parse_losses(model._run_forward(data, mode='loss'))
    loss.backward()
    if runner.val_loop is None:
        return None
    model.eval()
    batch = _batch(runner, 'val')
    with torch.no_grad(), runner.optim_wrapper.optim_context(model):
        samples = [s.to_dict() if hasattr(s, 'to_dict') else s for s in model.val_step(batch)]
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


def _batch(runner: Runner, stage: str) -> Any:
    """A batch as the run will see it, from a loader of its own in this process."""
    options = dict(runner.cfg[f'{stage}_dataloader'])
    options['dataset'] = getattr(runner, f'{stage}_dataloader').dataset  # build_dataloader copies
    if not torch.cuda.is_available():
        options['batch_size'] = min(options.get('batch_size', 1), CPU_BATCH)
    for name in ('prefetch_factor', 'num_batch_per_epoch', 'persistent_workers'):
        options.pop(name, None)
    loader = runner.build_dataloader({**options, 'num_workers': 0}, seed=runner.seed)
    batch = next(iter(loader))
    for hook in runner.hooks:
        if isinstance(hook, CheckDataHook):  # names the file of a wrong label before a loss fails
            getattr(hook, f'before_{stage}_iter')(runner, 0, batch)
    return batch


def _check_save_best(runner: Runner, metrics: dict[str, Any] | None) -> None:
    for hook in runner.hooks:
        if metrics is None or not isinstance(hook, CheckpointHook):
            continue
        for name in getattr(hook, 'key_indicators', None) or ():
            if name != 'auto' and name not in metrics:
                raise UserError(
                    f'default_hooks.checkpoint.save_best is {name!r}, and the evaluators give '
                    f'{", ".join(metrics)}: name one of these'
                )


@contextlib.contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Leave out what evaluators print and log about a single batch."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
