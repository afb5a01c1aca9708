"""Plain data for checkpoints: what ``torch.load(weights_only=True)`` reads without an allow-list.

mmengine's runner checkpoints carry ``HistoryBuffer`` objects (the logged losses), which pickle
their methods through ``builtins.getattr``. Allowing that name would let a file reach anything, so
the objects are written as dicts of tensors with a marker, and built again after loading.
"""

from collections import Counter, OrderedDict, deque
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

MARKER = '__heracles_mm__'
"""The key whose value says what a plain dict stands for: 'HistoryBuffer', 'ndarray' or 'bytes'."""

_PLAIN_TYPES = (bool, int, float, complex, str, torch.dtype, torch.device, torch.Size, type(None))


class NotPlainError(TypeError):
    """A value has no plain form; the message is its place in the checkpoint, and its type."""

    def __init__(self, value: Any, where: str) -> None:
        super().__init__(f'{where} ({type(value).__module__}.{type(value).__qualname__})')


def to_plain(value: Any, where: str, left_out: list[str]) -> Any:
    """Copy ``value`` into builtin containers, numbers, strings and tensors.

    numpy scalars become numbers; arrays, bytes and HistoryBuffers become marked dicts; subclasses
    of dict, list, tuple, str and numbers become the builtin type, except OrderedDict (with the
    ``_metadata`` of a state dict) and Counter, which weights_only knows. A dict entry that has no
    plain form, such as a scheduler's function, is left out, and its place and type are appended to
    ``left_out``: losing one entry is better than losing a training run to its first checkpoint.

    Args:
        value: anything found in a checkpoint. It is not changed.
        where: the place of ``value``, for messages, such as 'meta'.
        left_out: receives one line for each entry left out.

    Raises:
        NotPlainError: ``value`` itself, outside of any dict, has no plain form.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) in _PLAIN_TYPES or isinstance(value, torch.Tensor):
        return value
    if isinstance(value, HistoryBuffer):
        log, count = (torch.from_numpy(numbers.copy()) for numbers in value.data)
        kept = {'log': log, 'count': count, 'max_length': value.max_length}
        return {MARKER: 'HistoryBuffer', **kept}
    if isinstance(value, bytes):  # weights_only refuses b''
        return {MARKER: 'bytes', 'data': torch.tensor(list(value), dtype=torch.uint8)}
    if isinstance(value, np.ndarray):
        try:
            return {MARKER: 'ndarray', 'data': torch.from_numpy(np.array(value, order='C'))}
        except (TypeError, ValueError):  # strings, objects, foreign byte order
            return to_plain(value.tolist(), where, left_out)
    if isinstance(value, dict):
        items = {}
        for key, item in value.items():
            place = f'{where}.{key}'
            try:
                items[to_plain(key, place, left_out)] = to_plain(item, place, left_out)
            except NotPlainError as error:
                left_out.append(str(error))
        return _same_kind_of_dict(value, items)
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        copies = [to_plain(item, f'{where}[{i}]', left_out) for i, item in enumerate(value)]
        kind = next((kind for kind in (tuple, set) if isinstance(value, kind)), list)
        return set(copies) if isinstance(value, frozenset) else kind(copies)
    if isinstance(value, str):
        return str.__str__(value)  # str(value) would give a string enum's name
    for base, convert in {int: int, float: float, PurePath: str}.items():
        if isinstance(value, base):
            return convert(value)
    raise NotPlainError(value, where)


def from_plain(value: Any) -> Any:
    """Build what the marked dicts inside ``value`` stand for; the rest is copied as it is."""
    if type(value) in (list, tuple):
        return type(value)(from_plain(item) for item in value)
    if not isinstance(value, dict):
        return value
    kind = value.get(MARKER)
    if kind == 'HistoryBuffer':
        log, count = (value[key].cpu().numpy() for key in ('log', 'count'))
        return HistoryBuffer(log, count, value['max_length'])
    if kind == 'ndarray':
        return value['data'].cpu().numpy().copy()
    if kind == 'bytes':
        return bytes(value['data'].tolist())
    return _same_kind_of_dict(value, {key: from_plain(item) for key, item in value.items()})


def _same_kind_of_dict(value: dict, items: dict) -> dict:
    if type(value) is Counter:
        return Counter(items)
    if type(value) is not OrderedDict:
        return items
    ordered = OrderedDict(items)
    if hasattr(value, '_metadata'):  # the module versions of a state dict
        ordered._metadata = value._metadata  # type: ignore[attr-defined]
    return ordered
