"""The config that a run is resumed with, compared with the checkpoint's.

mmengine takes rates, the optimizer's options and the whole schedule from the checkpoint, whatever
the config says by now. Here that is said, or changed: ``resume_schedule = 'new'`` in the config
takes them from the config, at the step that the run has reached.
"""

import ast
import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

from mmengine.dist import get_world_size
from mmengine.optim import OptimWrapperDict
from mmengine.runner import EpochBasedTrainLoop, FlexibleRunner, Runner

from heracles_mm.checkpoints.plain import to_plain
from heracles_mm.checkpoints.recognise import a_few
from heracles_mm.errors import UserError

SCHEDULES = ('checkpoint', 'new')
FLAG = "--resume-schedule new, or resume_schedule='new' in the config,"

_SIZES = {'batch_size': 'batch size', 'processes': 'processes', 'pictures': 'pictures'}
_OF_SCHEDULE = (
    *('optim_wrapper', 'param_scheduler', 'auto_scale_lr', 'train_dataloader', 'train_cfg'),
)
_NO_DIFFERENCE = (
    *('work_dir', 'load_from', 'resume', 'resume_schedule', 'launcher', 'log_level', 'env_cfg'),
    *('custom_imports', 'experiment_name', 'vis_backends', 'visualizer', 'default_scope'),
)
_NO_EFFECT = (
    *('optim_wrapper.optimizer', 'optim_wrapper.paramwise_cfg', 'param_scheduler'),
    'auto_scale_lr',
)
_BEST = ('default_hooks.checkpoint.save_best', 'default_hooks.checkpoint.rule')
_GROUPS = ('param_groups', 'base_param_settings')
_PROGRESS = {  # of a schedule; the base values are the optimizer's initial ones
    *('last_step', '_global_step', '_last_value', 'base_values', 'verbose'),
    *('best', 'num_bad_epochs', 'cooldown_counter'),
}


def new_schedule(runner: Runner) -> bool:
    """Whether the config asks for its own schedule on resume."""
    chosen = runner.cfg.get('resume_schedule') or 'checkpoint'
    if chosen not in SCHEDULES:
        raise UserError(f"resume_schedule is 'checkpoint' or 'new', not {chosen!r}")
    return chosen == 'new'


def run_sizes(runner: Runner) -> dict[str, int]:
    """What decides which pictures a step sees, and the steps of an epoch; 0 where unknown."""
    loader = runner.train_dataloader
    batch = loader.batch_size or getattr(loader.batch_sampler, 'batch_size', None) or 0
    return {
        'batch_size': batch,
        'processes': get_world_size(),
        'pictures': _length(loader.dataset),
        'steps': _length(loader),
    }


def take_up(runner: Runner, checkpoint: dict[str, Any], sizes: dict[str, int] | None) -> bool:
    """Compare, warn, start whole epochs, and take the config's schedule where it is asked for.

    Args:
        runner: built and about to resume.
        checkpoint: from which it will; its ``meta.epoch``, optimizer options and schedulers may be
            replaced.
        sizes: :func:`run_sizes` of the run that wrote the checkpoint, and ``done``, the steps done
            in the epoch; None where it did not note them.

    Returns:
        Whether all steps of an epoch are done, and its end is to be made up for.
    """
    meta, warn = checkpoint['meta'], runner.logger.warning
    before = _options(meta.get('cfg'))
    now = _options(runner.cfg.pretty_text) if before else {}
    changed = {
        name: (before.get(name), now.get(name))
        for name in [*before, *(name for name in now if name not in before)]
        if before.get(name) != now.get(name) and not name.startswith(_NO_DIFFERENCE)
    }
    own = run_sizes(runner)
    others = [
        f'{name} {sizes[key]} -> {own[key]}'
        for key, name in _SIZES.items()
        if sizes and sizes[key] != own[key]
    ]
    batch = 'train_dataloader.batch_size'
    if sizes is None and batch in changed:
        others.append('batch size {} -> {}'.format(*changed[batch]))
    if meta.get('seed') not in (None, runner.seed):  # mmengine takes it up, but not for this
        others.append(f'seed of the order {meta["seed"]} -> {runner.seed}')

    in_effect = [
        f'{name} {old} -> {new}'
        for name, (old, new) in changed.items()
        if not name.startswith(_NO_EFFECT)
    ]
    if in_effect:
        runner.logger.info(f'changed since the checkpoint: {a_few(in_effect, 12)}')
    if not changed.keys().isdisjoint(_BEST):  # else compared with the best of another metric
        information = checkpoint['message_hub']['runtime_info']
        for key in [key for key in information if key.startswith('best_')]:
            del information[key]
    epochs, steps, ends = _position(runner, meta, sizes, own, others)
    loop = runner.train_loop
    by_epoch = isinstance(loop, EpochBasedTrainLoop)
    reached, end = (epochs + ends, loop.max_epochs) if by_epoch else (steps, loop.max_iters)
    if reached >= end:
        unit = 'epoch' if by_epoch else 'step'
        warn(f'nothing is left to train: the checkpoint is at {unit} {reached} of {end}')
    meta['epoch'] += ends
    if new_schedule(runner):
        _take_new_schedule(runner, checkpoint, epochs, steps)
        return ends
    may_differ = not before or others or any(name.startswith(_OF_SCHEDULE) for name in changed)
    if may_differ and (unused := list(_unused(runner, checkpoint))):
        length = ''
        if sizes and by_epoch and sizes['steps'] != own['steps']:
            length = f' (an epoch has {own["steps"]} steps, it had {sizes["steps"]})'
        warn(
            "the run goes on with the checkpoint's rates and schedule, and these of the config "
            f'have no effect{length}: {a_few(unused, 12)}. {FLAG} takes them from here on'
        )
    return ends


def _position(
    runner: Runner, meta: dict, sizes: dict | None, own: dict, others: list[str]
) -> tuple[int, int, bool]:
    """Epochs and steps done, those of the epoch alone for a loop by epoch, and if these are all."""
    changes = f' (changed: {", ".join(others)})' if others else ''
    if not isinstance(runner.train_loop, EpochBasedTrainLoop):
        if others and meta['iter']:
            runner.logger.warning(
                f'step {meta["iter"]} does not mean the same pictures as in the run that wrote the '
                f'checkpoint{changes}: some of this epoch are seen twice or not at all'
            )
        return 0, meta['iter'], False
    length = sizes['steps'] if sizes else own['steps']
    done = sizes['done'] if sizes else meta['iter'] - meta['epoch'] * length
    if 0 != done != length and not (sizes is None and others):
        runner.logger.warning(
            f'the checkpoint was written in the middle of epoch {meta["epoch"] + 1}{changes}, '
            'which starts over: its first pictures are seen twice (let CheckpointHook save '
            'by_epoch)'
        )
    return meta['epoch'], max(done, 0), done == length


def _take_new_schedule(runner: Runner, checkpoint: dict, epochs: int, steps: int) -> None:
    """Let the config's schedulers make the steps done, and put their rates into ``checkpoint``."""
    schedulers = _schedulers(runner)
    every = [*itertools.chain(*schedulers.values())]

    def advance(by_epoch: bool) -> None:
        for one in every:
            if one.by_epoch == by_epoch:
                one.step()

    for one in every:
        one.optimizer._global_step = 0  # else they warn that the optimizer made no step
    for _ in range(epochs):
        for _ in range(len(runner.train_dataloader)):
            advance(False)
        advance(True)
    for _ in range(steps):
        advance(False)
    for wrapper, stored in _optimizers(runner, checkpoint):
        if isinstance(runner, FlexibleRunner):  # which stores the weights of a group by name
            for ours, theirs in zip(wrapper.optimizer.param_groups, stored['param_groups']):
                theirs.update({k: v for k, v in ours.items() if k != 'params'})
        else:
            stored.update({k: v for k, v in wrapper.state_dict().items() if k in _GROUPS})
        rate = wrapper.optimizer.param_groups[0]['lr']
        runner.logger.info(f"rates and schedule are the config's from here on: lr {rate:.4e}")
    states = {name: [one.state_dict() for one in some] for name, some in schedulers.items()}
    is_dict = isinstance(runner.param_schedulers, dict)
    checkpoint['param_schedulers'] = states if is_dict else states['']


def _unused(runner: Runner, checkpoint: dict[str, Any]) -> Iterator[str]:
    """Options of the config, with the checkpoint's value that is used instead."""
    for wrapper, stored in _optimizers(runner, checkpoint):
        pairs = [*zip(wrapper.optimizer.param_groups, stored['param_groups'])]
        for option in [name for name in pairs[0][0] if name != 'params']:
            if option.startswith('initial_'):
                continue
            values = [
                tuple(to_plain(g.get(f'initial_{option}', g[option]), '', []) for g in pair)
                for pair in pairs
                if all(option in group for group in pair)
            ]
            differing = [(ours, theirs) for ours, theirs in values if not _same(ours, theirs)]
            if differing:
                part = f' (in {len(differing)} of {len(pairs)} groups)' if len(pairs) > 1 else ''
                yield '{0} {2} -> {1}{3}'.format(option, *map(_short, differing[0]), part)
    states = checkpoint.get('param_schedulers') or []
    for name, schedulers in _schedulers(runner).items():
        for one, state in zip(schedulers, states[name] if isinstance(states, dict) else states):
            for key, value in to_plain(one.state_dict(), '', []).items():
                if key in state and key not in _PROGRESS and not _same(value, state[key]):
                    kind = type(one).__name__
                    yield f'{kind}.{key} {_short(state[key])} -> {_short(value)}'


def _optimizers(runner: Runner, checkpoint: dict[str, Any]) -> list[tuple[Any, dict]]:
    wrapper, stored = runner.optim_wrapper, checkpoint['optimizer']
    if isinstance(wrapper, OptimWrapperDict):
        return [(one, stored[name]) for name, one in wrapper.items()]
    return [(wrapper, stored)]


def _schedulers(runner: Runner) -> dict[str, list]:
    some = runner.param_schedulers
    return some if isinstance(some, dict) else {'': some or []}


def _options(text: Any) -> dict[str, Any]:
    """The options in the text of a config, by dotted name; {} where it is none. Nothing is run."""
    found: dict[str, Any] = {}

    def read(name: str, node: ast.AST) -> None:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args:
            for keyword in node.keywords:
                read(f'{name}.{keyword.arg}', keyword.value)
        elif isinstance(node, ast.Dict) and all(node.keys):
            for key, value in zip(node.keys, node.values):
                read(f'{name}.{ast.unparse(key)}', value)  # type: ignore[arg-type]
        elif isinstance(node, (ast.List, ast.Tuple)):
            parts = [ast.unparse(part) for part in node.elts]
            if any(isinstance(part, (ast.Call, ast.Dict)) for part in node.elts):
                for index, part in enumerate(node.elts):
                    read(f'{name}[{index}]', part)
            else:
                found[name] = f'[{", ".join(parts)}]'
        else:
            found[name] = ast.unparse(node)

    try:
        for line in ast.parse(text).body:
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
                read(line.targets[0].id, line.value)
    except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError):
        return {}
    return found


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _short(value: Any) -> str:
    if isinstance(value, Counter):  # milestones
        value = sorted(value.elements())
    return f'{value:.4g}' if isinstance(value, float) else f'{value!r:.60}'


def _length(some: Any) -> int:
    try:
        return len(some)
    except TypeError:  # of a stream
        return 0
