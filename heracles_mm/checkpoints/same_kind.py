"""Whether a stored tensor can take the place of a model's, whatever its values and shape."""

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
    others = [key for key in both if not same_kind(own[key], stored[key])]
    if others:
        theirs, ours = (description(values[others[0]]) for values in (stored, own))
        return (
            f'{len(others)} of its tensors are of another kind ({others[0]} is {theirs} not {ours})'
        )
    damaged = [key for key in both if not stored[key].isfinite().all()]
    if damaged:
        return f'{len(damaged)} of its tensors hold NaN or infinity ({a_few(damaged)})'
    return None


def same_kind(own: Tensor, stored: Any) -> bool:
    """Whether ``stored`` is a dense tensor in memory of the same kind of numbers as ``own``."""
    return (
        isinstance(stored, Tensor)
        and _is_dense(stored)
        and _number(own.dtype) == _number(stored.dtype)
    )


def _is_dense(tensor: Tensor) -> bool:
    return not (tensor.layout != torch.strided or tensor.is_meta or tensor.is_quantized)


def _number(dtype: torch.dtype) -> str:
    if dtype == torch.bool:
        return 'bool'
    return 'complex' if dtype.is_complex else 'real' if dtype.is_floating_point else 'whole'


def description(value: Any) -> str:
    """A tensor by its dtype and shape, numbers and texts themselves, anything else by its type."""
    if isinstance(value, Tensor):
        place = '' if value.layout == torch.strided else f'{value.layout} '
        bad = _is_dense(value) and not value.isfinite().all()
        state = ', with NaN or infinity' if bad else ''
        return f'a {place}tensor of {value.dtype} {tuple(value.shape)}{state}'
    if isinstance(value, (int, float, str)):
        return f'{value!r:.40}'
    return 'nothing' if value is None else f'of type {type(value).__name__}'
