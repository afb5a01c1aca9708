"""Refuse to resume from what is not the whole state of this run.

mmengine takes what fits: a weight that is missing or of another shape keeps its start value after a
warning, an optimizer that is missing starts anew, and averages that are missing become wrong.
"""

import copy
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import torch
from mmengine.hooks import EMAHook
from mmengine.model import is_model_wrapper
from mmengine.runner import FlexibleRunner, Runner
from torch import Tensor, nn
from torch.optim import Optimizer

from heracles_mm.checkpoints.load_report import LoadReport
from heracles_mm.checkpoints.plain import to_plain
from heracles_mm.checkpoints.same_kind import tensor_objection
from heracles_mm.engine.exact_resume import RUN_STATE
from heracles_mm.engine.random_state import random_state
from heracles_mm.engine.resume_config import FLAG, new_schedule
from heracles_mm.engine.state_difference import difference
from heracles_mm.errors import CheckpointError


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
    parts: dict[str, Any] = dict.fromkeys(('meta', 'state_dict', 'optimizer', 'message_hub'), dict)
    if runner.param_schedulers is not None and not new_schedule(runner):
        parts['param_schedulers'] = (list, dict)
    missing = [name for name, kind in parts.items() if not isinstance(checkpoint.get(name), kind)]
    if missing:
        yield f'it has no {" and no ".join(missing)}'
    for name in ('epoch', 'iter', 'seed'):
        value = checkpoint['meta'].get(name)
        unseeded = name == 'seed' and value is None
        if not unseeded and (type(value) is not int or not 0 <= value < 2**32):
            yield f'meta.{name} is {value!r:.40}, which must be a whole number'
    yield from _run_state_objections(checkpoint)
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    yield from _weights_objections(model, checkpoint['state_dict'])
    for hook in runner.hooks:
        if isinstance(hook, EMAHook) and 'ema_state_dict' in checkpoint:
            for objection in _weights_objections(hook.ema_model, checkpoint['ema_state_dict']):
                yield f'in the averages, {objection}'
    yield from _optimizer_objections(runner, checkpoint)
    if runner.param_schedulers is not None and not new_schedule(runner):
        schedulers = to_plain(_schedulers_state(runner), 'param_schedulers', [])
        if found := difference(schedulers, checkpoint['param_schedulers'], 'param_schedulers'):
            yield f'{found}; where the config has another schedule by now, {FLAG} starts that'


def _run_state_objections(checkpoint: dict[str, Any]) -> Iterator[str]:
    logs: dict[str, Any] = {'log_scalars': {}, 'runtime_info': {}, 'resumed_keys': {}}
    if found := difference(logs, checkpoint['message_hub'], 'message_hub'):
        yield found
    if RUN_STATE not in checkpoint:
        return
    state = random_state()
    state.pop('cuda', None)  # it may have been written on another machine
    own: dict[str, Any] = {'random': state, 'validated': True, 'optimizer_states': []}
    sizes = dict.fromkeys(('batch_size', 'processes', 'pictures', 'steps', 'done'), 0)
    stored = checkpoint[RUN_STATE]
    if isinstance(stored, dict):
        if isinstance(noted := stored.get('optimizer_states'), list):
            own['optimizer_states'] = noted
        own |= {k: like for k, like in {'sizes': sizes, 'hooks': {}}.items() if k in stored}
    if found := difference(own, checkpoint[RUN_STATE], RUN_STATE):
        yield found


def _weights_objections(model: nn.Module, weights: Any) -> Iterator[str]:
    if not isinstance(weights, dict):
        yield 'the weights are no dict'
    report = LoadReport.of(model, weights)
    if objection := report.objection():
        yield objection
    for key, (before, after) in report.resized.items():
        yield f'it is of another picture size, {key} is {before} in it and {after} in the model'
    for key, how in report.adapted.items():
        yield f'it is of another number of input channels, {key} would be {how}'
    if objection := tensor_objection(model.state_dict(), weights):
        yield objection


def _optimizer_objections(runner: Runner, checkpoint: dict[str, Any]) -> Iterator[str]:
    if isinstance(runner, FlexibleRunner):  # keyed by name, and torch compares names and shapes
        return
    stored = checkpoint['optimizer']
    own = runner.optim_wrapper.state_dict()
    if 'param_groups' not in own:  # several optimizers, by name
        return
    groups = _filled(runner, own, stored)
    if not new_schedule(runner) and (found := difference(own['param_groups'], groups, 'optimizer')):
        yield found
    states = stored.get('state')
    if not isinstance(states, dict) or not all(isinstance(s, dict) for s in states.values()):
        yield 'optimizer.state is missing or no dict of dicts'
        return
    groups = runner.optim_wrapper.param_groups
    weights = [(group, weight) for group in groups for weight in group['params']]
    for index, state in states.items():
        where = f'optimizer.state.{index}'
        if not isinstance(index, int) or not 0 <= index < len(weights):
            yield f'{where} belongs to none of the {len(weights)} weights'
        like = state_after_a_step(runner.optim_wrapper.optimizer, *weights[index])
        if not isinstance(state.get('step'), Tensor):  # older versions of torch count with an int
            like = {**like, 'step': 0} if 'step' in like else like
        if found := difference({**state, **like}, state, where):
            yield found
    noted = checkpoint.get(RUN_STATE, {}).get('optimizer_states', [])
    for index in noted if isinstance(noted, list) else [noted]:
        if index not in list(states):
            yield f'optimizer.state.{index} is missing'


def state_after_a_step(optimizer: Optimizer, group: dict, weight: Tensor) -> dict[str, Any]:
    """What an optimizer keeps for one weight of a group, found by a step on zeros of its shape.

    Empty for one that cannot make such a step, such as LBFGS, which wants a closure.
    """
    parameter = nn.Parameter(torch.zeros(weight.shape, dtype=weight.dtype))
    parameter.grad = torch.zeros_like(parameter)
    alone = copy.copy(optimizer)
    alone.state = defaultdict(dict)
    of_gpus = {name: False for name in ('capturable', 'fused', 'foreach') if name in group}
    alone.param_groups = [{**group, **of_gpus, 'params': [parameter]}]
    try:
        type(optimizer).step(alone)  # schedulers replace the method of the object
    except Exception:  # of whatever optimizer the user brings
        return {}
    return dict(alone.state[parameter])


def _filled(runner: Runner, own: dict[str, Any], stored: dict[str, Any]) -> Any:
    """The parameter groups of ``stored``, which get options that they lack."""
    groups = stored.get('param_groups')
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        return groups
    for index, (ours, theirs) in enumerate(zip(own['param_groups'], groups)):
        for name in [name for name, value in ours.items() if isinstance(value, bool)]:
            ours[name] = None if theirs.get(name, '') is None else ours[name]  # fused, foreach
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
