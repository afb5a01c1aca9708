"""Refuse to resume from what is not the whole state of this run.

mmengine takes what fits: a weight that is missing or of another shape keeps its start value behind
a warning, an optimizer that is missing starts anew, and averages that are missing become wrong
without a word. A run that goes on for weeks should know.
"""

from collections.abc import Iterator
from typing import Any

import torch
from mmengine.hooks import EMAHook
from mmengine.model import is_model_wrapper
from mmengine.runner import FlexibleRunner, Runner
from torch import nn

from heracles_mm.checkpoints.load_report import LoadReport
from heracles_mm.checkpoints.plain import to_plain
from heracles_mm.checkpoints.same_kind import difference, tensor_objection
from heracles_mm.engine.exact_resume import RUN_STATE
from heracles_mm.engine.random_state import random_state
from heracles_mm.errors import CheckpointError

_OF_A_WEIGHT = ('exp_avg', 'exp_avg_sq', 'max_exp_avg_sq', 'momentum_buffer')
"""What torch's optimizers keep for each element of a weight."""


def check_resumable(runner: Runner, checkpoint: dict[str, Any]) -> None:
    """Raise a CheckpointError if ``checkpoint`` does not hold the whole state of ``runner``.

    Options of the optimizer that the checkpoint lacks, because an older torch wrote it, are taken
    from the config, with a warning.
    """
    for objection in _objections(runner, checkpoint):
        raise CheckpointError(
            f'the run cannot be resumed from this checkpoint: {objection} (load_from=FILE in the '
            'config takes the weights alone and starts a new run)'
        )


def _objections(runner: Runner, checkpoint: dict[str, Any]) -> Iterator[str]:
    missing = [key for key in _needed(runner) if not _has(checkpoint, *key)]
    if missing:
        yield f'it has no {" and no ".join(name for name, _ in missing)}'
    meta = checkpoint['meta']
    for counter in ('epoch', 'iter'):
        value = meta.get(counter)
        if type(value) is not int or value < 0:
            yield f'meta.{counter} is {value!r:.40}, which must be a number of steps'
    if RUN_STATE in checkpoint:
        state = random_state()
        state.pop('cuda', None)  # it may have been written on another machine
        own: dict[str, Any] = {'random': state, 'validated': True, 'optimizer_states': []}
        noted = checkpoint[RUN_STATE]
        if isinstance(noted, dict) and isinstance(noted.get('optimizer_states'), list):
            indices = noted['optimizer_states']  # of weights, or their names (sharded runs)
            own['optimizer_states'] = [i if isinstance(i, (int, str)) else 0 for i in indices]
        if found := difference(own, noted, RUN_STATE):
            yield found
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    yield from _weights_objections(model, checkpoint['state_dict'])
    for hook in runner.hooks:
        if isinstance(hook, EMAHook) and 'ema_state_dict' in checkpoint:
            for objection in _weights_objections(hook.ema_model, checkpoint['ema_state_dict']):
                yield f'in the averages, {objection}'
    yield from _optimizer_objections(runner, checkpoint)
    if runner.param_schedulers is not None:
        schedulers = to_plain(_schedulers_state(runner), 'param_schedulers', [])
        if found := difference(schedulers, checkpoint['param_schedulers'], 'param_schedulers'):
            yield found


def _needed(runner: Runner) -> list[tuple[str, type | tuple[type, ...]]]:
    parts: list[tuple[str, type | tuple[type, ...]]] = [
        ('meta', dict),
        ('state_dict', dict),
        ('optimizer', dict),
        ('message_hub', dict),
    ]
    if runner.param_schedulers is not None:
        parts.append(('param_schedulers', (list, dict)))
    return parts


def _has(checkpoint: dict[str, Any], name: str, kind: type | tuple[type, ...]) -> bool:
    return isinstance(checkpoint.get(name), kind)


def _weights_objections(model: nn.Module, weights: Any) -> Iterator[str]:
    if not isinstance(weights, dict):
        yield 'the weights are no dict'
    report = LoadReport.of(model, weights)
    if objection := report.objection():
        yield objection
    if report.resized:
        key, (before, after) = next(iter(report.resized.items()))
        yield f'it is of another picture size, {key} is {before} in it and {after} in the model'
    if objection := tensor_objection(model.state_dict(), weights):
        yield objection


def _optimizer_objections(runner: Runner, checkpoint: dict[str, Any]) -> Iterator[str]:
    if isinstance(runner, FlexibleRunner):  # keyed by name, and torch compares names and shapes
        return
    stored = checkpoint['optimizer']
    own = runner.optim_wrapper.state_dict()
    if 'param_groups' not in own:  # several optimizers, by name
        return
    if found := difference(own['param_groups'], _filled(runner, own, stored), 'optimizer'):
        yield found
    weights = [weight for group in runner.optim_wrapper.param_groups for weight in group['params']]
    states = stored.get('state')
    if not isinstance(states, dict) or not all(isinstance(s, dict) for s in states.values()):
        yield 'optimizer.state is missing or no dict of dicts'
        return
    names = {name for state in states.values() for name in state}
    for index, state in states.items():
        where = f'optimizer.state.{index}'
        if not isinstance(index, int) or not 0 <= index < len(weights):
            yield f'{where} belongs to none of the {len(weights)} weights'
        if absent := [name for name in names if name not in state]:
            yield f'{where}.{absent[0]} is missing'
        for name, value in state.items():
            like = weights[index] if name in _OF_A_WEIGHT else value
            if name == 'step':
                like = torch.zeros(()) if isinstance(value, torch.Tensor) else 0
            if found := difference(like, value, f'{where}.{name}'):
                yield found
    noted = checkpoint.get(RUN_STATE, {}).get('optimizer_states', ())
    if lost := [index for index in noted if index not in states]:
        yield f'optimizer.state.{lost[0]} is missing'


def _filled(runner: Runner, own: dict[str, Any], stored: dict[str, Any]) -> Any:
    """The parameter groups of ``stored``, which get options that they lack."""
    groups = stored.get('param_groups')
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        return groups
    for index, (ours, theirs) in enumerate(zip(own['param_groups'], groups)):
        for name in ours.keys() - theirs.keys() - {'params', 'lr', 'initial_lr'}:
            theirs[name] = ours[name]
            runner.logger.warning(
                f'the checkpoint has no option {name} of the optimizer (group {index}): it is '
                f'{ours[name]!r}, from the config'
            )
    return groups


def _schedulers_state(runner: Runner) -> Any:
    schedulers = runner.param_schedulers
    if isinstance(schedulers, dict):
        return {name: [one.state_dict() for one in some] for name, some in schedulers.items()}
    return [one.state_dict() for one in schedulers]
