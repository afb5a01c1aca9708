"""Where a stored state is built differently from the one that a run has."""

import math
from typing import Any

from torch import Tensor

from heracles_mm.checkpoints.same_kind import description, same_kind


def difference(own: Any, stored: Any, where: str) -> str | None:
    """Say where plain data ``stored`` is built differently from ``own``; None if nowhere.

    Numbers, tensors, lists and dicts must stand where ``own`` has them, and the same texts. Numbers
    are free, but NaN is not, nor a negative one where ``own`` has none. In place of a None any
    number may stand, and dicts by number (milestones) are free.
    """
    fits = type(own) is type(stored)
    if own is None:
        fits = stored is None or (isinstance(stored, (int, float)) and not math.isnan(stored))
    elif isinstance(own, Tensor):
        fits = same_kind(own, stored) and own.shape == stored.shape and stored.isfinite().all()
    elif isinstance(own, str):
        fits = own == stored
    elif isinstance(own, bool):
        fits = isinstance(stored, bool)
    elif isinstance(own, (int, float)):
        is_number = isinstance(stored, (int, float)) and not isinstance(stored, bool)
        fits = is_number and not math.isnan(stored) and (own < 0 or stored >= 0)
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
        pairs = enumerate(zip(own, stored))
        return next(filter(None, (difference(*pair, f'{where}[{i}]') for i, pair in pairs)), None)
    return (
        None if fits else f'{where} is {description(stored)} where this run has {description(own)}'
    )
