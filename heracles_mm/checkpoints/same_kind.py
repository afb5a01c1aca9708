"""Whether values of a checkpoint are of the kind that a run has in their place."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from heracles_mm.checkpoints.recognise import a_few


def tensor_objection(own: Mapping[str, Tensor], stored: Mapping[str, Any]) -> str | None:
    """Say which tensors cannot take the place of ``own``, whatever their shapes; None if all can.

    Each must be a dense tensor in memory, real where the model's is, whole numbers where it has
    these, and finite.
    """
    both = [key for key in own if key in stored]
    others = [key for key in both if not _same_kind(own[key], stored[key])]
    if others:
        theirs, ours = (_kind(values[others[0]]) for values in (stored, own))
        return (
            f'{len(others)} of its tensors are of another kind ({others[0]} is {theirs} not {ours})'
        )
    damaged = [key for key in both if not stored[key].isfinite().all()]
    if damaged:
        return f'{len(damaged)} of its tensors hold NaN or infinity ({a_few(damaged)})'
    return None


def difference(own: Any, stored: Any, where: str) -> str | None:
    """Say where plain data ``stored`` is built differently from ``own``; None if nowhere.

    Numbers, tensors, texts, lists and dicts must stand where ``own`` has them. Their values are
    free, but NaN is not, nor a negative number where ``own`` has none. What stands in place of a
    None is free, and so are dicts by number (milestones).
    """
    if own is None:
        return None
    if isinstance(own, Tensor):
        if _same_kind(own, stored) and own.shape == stored.shape and stored.isfinite().all():
            return None
    elif isinstance(own, (bool, str)):
        if isinstance(stored, type(own)):
            return None
    elif isinstance(own, (int, float)):
        real = isinstance(stored, (int, float)) and not isinstance(stored, bool)
        if real and not math.isnan(stored) and (own < 0 or stored >= 0):
            return None
    elif isinstance(own, dict) and isinstance(stored, dict):
        for key in (key for key in own if isinstance(key, str)):
            if key not in stored:
                return f'{where}.{key} is missing'
            if found := difference(own[key], stored[key], f'{where}.{key}'):
                return found
        return None
    elif isinstance(own, (list, tuple)) and isinstance(stored, (list, tuple)):
        if len(own) != len(stored):
            return f'{where} has {len(stored)} entries where this run has {len(own)}'
        for index, pair in enumerate(zip(own, stored)):
            if found := difference(*pair, f'{where}[{index}]'):
                return found
        return None
    elif type(own) is type(stored):
        return None
    return f'{where} is {_kind(stored)} where this run has {_kind(own)}'


def _same_kind(own: Tensor, stored: Any) -> bool:
    return (
        isinstance(stored, Tensor)
        and stored.layout == torch.strided
        and not stored.is_meta
        and not stored.is_quantized
        and _number(own.dtype) == _number(stored.dtype)
    )


def _number(dtype: torch.dtype) -> str:
    if dtype == torch.bool:
        return 'bool'
    return 'complex' if dtype.is_complex else 'real' if dtype.is_floating_point else 'whole'


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        place = '' if value.layout == torch.strided else f'{value.layout} '
        bad = value.layout == torch.strided and not value.is_meta and not value.isfinite().all()
        state = ', with NaN or infinity' if bad else ''
        return f'a {place}tensor of {value.dtype} {tuple(value.shape)}{state}'
    if isinstance(value, (int, float, str)):
        return f'{value!r:.40}'
    return 'nothing' if value is None else f'of type {type(value).__name__}'
