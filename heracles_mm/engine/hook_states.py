"""What the hooks of a run keep, noted in its checkpoints and given back on resume.

mmengine stores nothing of a hook that does not do it itself: an EarlyStoppingHook counts its
patience from zero after each resume.
"""

import pickle
import random
from collections import Counter, deque
from collections.abc import Iterator, MutableMapping
from typing import Any

import numpy as np
import torch
from mmengine.hooks import CheckpointHook, EMAHook, Hook, IterTimerHook, LoggerHook, RuntimeInfoHook
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from heracles_mm.checkpoints.plain import NotPlainError, from_plain, to_plain
from heracles_mm.errors import CheckpointError

_STORED_ELSEWHERE: dict[type, set[str]] = {
    CheckpointHook: {  # in the message hub
        *('keep_ckpt_ids', 'best_ckpt_path', 'best_ckpt_path_dict', 'last_ckpt', 'out_dir'),
        *('key_indicators', 'rules', 'is_better_than'),
    },
    EMAHook: {'ema_model', 'src_model'},  # by the hook itself
    IterTimerHook: {'t', 'start_iter', 'time_sec_tot', 'time_sec_test_val'},  # of this process
    LoggerHook: set(),
    RuntimeInfoHook: {'last_loop_stage'},
}
"""Hooks that need nothing of this, and what their subclasses do not need."""

_LIBRARIES = ('mmengine', 'mmdet', 'mmseg', 'mmpretrain', 'mmcv', 'heracles_mm', 'torch', 'logging')
LATE = 'it runs after CheckpointHook, so priority must be above VERY_LOW'
_OBJECT = object()
"""Stands for what is no plain data."""


class HookStates:
    """The state of every hook of a runner.

    A hook with ``state_dict`` and ``load_state_dict`` is asked. Of any other, the attributes that
    have changed since training began are kept: plain data, and objects that have a ``state_dict``
    and a ``load_state_dict`` themselves. Flags (bool) are not: as a rule they note what was done to
    objects that a resumed run has anew, such as a pipeline that was switched. What else has changed
    is named in a warning.

    Args:
        owner: the hook that calls, which is left out.
    """

    def __init__(self, owner: Hook) -> None:
        self.owner = owner
        self._begin: dict[str, dict[str, Any]] = {}
        self._named: set[str] = set()

    def begin(self, runner: Runner) -> None:
        """Note what the hooks are like before the first step."""
        self._begin = {
            name: {key: _copy(value) for key, value in _attributes(hook).items()}
            for name, hook in self._hooks(runner)
        }

    def collect(self, runner: Runner, stage: str) -> dict[str, Any]:
        """The states, by the names of the hooks' classes.

        Args:
            runner: of the hooks.
            stage: the method of CheckpointHook in which this is called. Hooks that come later and
                have that method too are a call behind.
        """
        states: dict[str, Any] = {}
        lost = []
        after = hooks_after_checkpoint(runner)
        late = [hook for hook in after if stage in hook.get_triggered_stages()]
        wrapper = runner.optim_wrapper
        parts = (*runner.model.modules(), runner.message_hub, wrapper)
        of_run = {id(getattr(wrapper, 'optimizer', None)), *map(id, parts)}
        for name, hook in self._hooks(runner):
            if _keeps_state(hook):
                states[name] = {'own': _state_of(hook)}
                lost += [f'{name} ({LATE})'] if hook in late else []
                continue
            begin = self._begin.get(name, {})
            state: dict[str, dict] = {'plain': {}, 'objects': {}}
            for key, value in _attributes(hook).items():
                stateful = _keeps_state(value) and not isinstance(value, type)
                kind, copy = now = _copy(value)
                if id(value) in of_run if stateful else key in begin and _same(begin[key], now):
                    continue
                plain = _comes_back(kind, copy, begin.get(key, (None,))[0])
                if hook in late or not (stateful or plain):
                    if type(hook).__module__.partition('.')[0] not in _LIBRARIES:
                        why = LATE if hook in late else type(value).__name__
                        lost.append(f'{name}.{key} ({why})')
                elif stateful:
                    state['objects'][key] = _state_of(value)
                else:
                    on_cpu = not any(t.is_cuda for t in tree_leaves(copy) if isinstance(t, Tensor))
                    state['plain'][key] = {'value': copy, 'on_cpu': on_cpu}
            if state := {part: content for part, content in state.items() if content}:
                states[name] = state
        if lost := [one for one in lost if one not in self._named]:
            self._named.update(lost)
            runner.logger.warning(
                f'changed in training and not in the checkpoints: {", ".join(lost)}. A resumed run '
                'begins with what the config makes (a hook with state_dict() and '
                'load_state_dict(state) says itself what is kept)'
            )
        return states

    def give_back(self, runner: Runner, states: dict[str, Any]) -> None:
        """Set the hooks to the states of a checkpoint.

        Raises:
            CheckpointError: a hook does not take its state.
        """
        hooks = dict(self._hooks(runner))
        taken = []
        for name, state in states.items():
            if name not in hooks:
                runner.logger.warning(
                    f'the checkpoint has the state of {name}, a hook that this config lacks'
                )
                continue
            try:
                if 'own' in state:
                    hooks[name].load_state_dict(state['own'])
                for key, content in state.get('objects', {}).items():
                    getattr(hooks[name], key).load_state_dict(content)
                for key, content in state.get('plain', {}).items():
                    value = content['value']
                    _set(hooks[name], key, _to_cpu(value) if content['on_cpu'] else value)
            except Exception as error:
                raise CheckpointError(
                    f'{name} does not take the state that the checkpoint has of it '
                    f'({type(error).__name__}: {error})'
                ) from error
            keys = ', '.join(key for part in ('objects', 'plain') for key in state.get(part, ()))
            taken.append(f'{name} ({keys})' if keys else name)
        if taken:
            runner.logger.info(f'hooks that go on with their state: {"; ".join(taken)}')

    def _hooks(self, runner: Runner) -> Iterator[tuple[str, Hook]]:
        """Each hook by its class, with a number from the second of a class on."""
        count: Counter[str] = Counter()
        for hook in runner.hooks:
            name = type(hook).__name__
            count[name] += 1
            if hook is not self.owner and type(hook) not in _STORED_ELSEWHERE:
                yield (f'{name} {count[name]}' if count[name] > 1 else name), hook


def hooks_after_checkpoint(runner: Runner) -> list[Hook]:
    """Those whose turn comes when CheckpointHook has written its file."""
    kinds = [isinstance(hook, CheckpointHook) for hook in runner.hooks]
    return runner.hooks[kinds.index(True) + 1 :] if any(kinds) else []


def _attributes(hook: Hook) -> dict[str, Any]:
    return {key: value for key, value in vars(hook).items() if not _left_out(hook, key)}


def _left_out(hook: Hook, key: str) -> bool:
    return any(key in names for kind, names in _STORED_ELSEWHERE.items() if isinstance(hook, kind))


def _keeps_state(value: Any) -> bool:
    return all(callable(getattr(value, name, None)) for name in ('state_dict', 'load_state_dict'))


def _state_of(value: Any) -> Any:
    return _to_cpu(value.state_dict())


def _copy(value: Any) -> tuple[Any, Any]:
    """The type and a copy of plain data; of an object, what tells whether it was replaced."""
    left_out: list[str] = []
    try:
        plain = to_plain(value, '', left_out)
        if not left_out and _same_types(value, from_plain(plain)):
            copy = tree_map_only(Tensor, lambda tensor: tensor.detach().clone(), plain)
            return type(value), copy
    except (NotPlainError, RecursionError):
        pass
    if isinstance(value, MutableMapping):
        return _OBJECT, (id(value), [*map(id, value.values())])
    if isinstance(value, (list, tuple, set, deque)):
        return _OBJECT, (id(value), [*map(id, value)])
    if isinstance(value, (random.Random, np.random.Generator, np.random.RandomState)):
        return _OBJECT, (id(value), pickle.dumps(value))
    if isinstance(value, torch.Generator):
        return _OBJECT, (id(value), value.get_state().tolist())
    if type(value).__module__.partition('.')[0] in _LIBRARIES or isinstance(value, nn.Module):
        return _OBJECT, id(value)
    return _OBJECT, (id(value), {k: _mark(v) for k, v in getattr(value, '__dict__', {}).items()})


def _same_types(value: Any, back: Any) -> bool:
    """Whether what plain data hold comes ``back`` as it was, the outermost container apart."""
    if isinstance(value, MutableMapping):
        pairs = [*zip(value, back, strict=True), *zip(value.values(), back.values(), strict=True)]
    elif isinstance(value, (list, tuple, deque)):
        pairs = list(zip(value, back, strict=True))
    elif isinstance(value, (set, frozenset)):
        return {*map(type, value)} == {*map(type, back)}
    else:
        return True
    return all(
        (type(one) is type(other) or isinstance(one, np.generic)) and _same_types(one, other)
        for one, other in pairs
    )


def _comes_back(kind: Any, copy: Any, begin: Any) -> bool:
    """Whether an attribute of the type ``kind`` has it after a resume too.

    The contents of a container go into the one that the hook has, if that is of its type.
    """
    if kind is _OBJECT or kind is bool:
        return False
    fills = kind is begin and issubclass(kind, (list, deque, MutableMapping, set))
    return fills or issubclass(kind, np.generic) or type(from_plain(copy)) is kind


def _mark(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, str)) else id(value)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and one.dtype == other.dtype and one.equal(other)
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return [*one] == [*other] and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _to_cpu(value: Any) -> Any:
    return tree_map_only(Tensor, lambda tensor: tensor.detach().cpu(), value)


def _set(hook: Hook, key: str, value: Any) -> None:
    """Into the list, dict, set or deque that the hook has, which may be of another type."""
    if key.startswith('__') or callable(getattr(type(hook), key, None)) or _left_out(hook, key):
        raise ValueError(f'{key} is not to be set')
    own = getattr(hook, key, None)
    if isinstance(own, (list, deque)) and isinstance(value, list):
        own.clear()
        own.extend(value)
    elif isinstance(own, (MutableMapping, set)) and isinstance(value, (dict, set)):
        own.clear()
        own.update(value)
    else:
        setattr(hook, key, value)
