"""A misspelt option is an error that names the right ones."""

from collections.abc import Iterable
from typing import Any

from heracles_mm.datasets.parts import check_split
from heracles_mm.datasets.spec import SPEC_OPTIONS, ScenesSpec
from heracles_mm.errors import UsageError

# What mmengine's BaseDataset offers beyond paths, which the cache decides.
BASE_OPTIONS = (
    'pipeline',
    'test_mode',
    'filter_cfg',
    'indices',
    'serialize_data',
    'lazy_init',
    'max_refetch',
    'metainfo',
)


def take_spec(owner: str, split: str, options: dict[str, Any]) -> ScenesSpec:
    """Take what describes the scenes out of a data set's ``options``; leave its base class's.

    Args:
        owner: name of the data set's class.
        split: 'train' or 'val'.
        options: all that the config gives beside ``split``; changed in place.

    Raises:
        TypeError: an option that does not exist, or of the wrong type.
        ValueError: unknown split, or an option out of range.
    """
    allowed = (*SPEC_OPTIONS, *BASE_OPTIONS)
    reject_unknown(owner, set(options) - set(allowed), ('split', *allowed))
    check_split(split)
    return ScenesSpec(**{name: options.pop(name) for name in SPEC_OPTIONS if name in options})


def reject_unknown(owner: str, unknown: Iterable[str], allowed: Iterable[str]) -> None:
    """Raise a TypeError that lists the allowed options if any is unknown.

    Args:
        owner: name of the class that was given the options.
        unknown: names of the options nobody took.
        allowed: names of the options there are.

    Raises:
        TypeError: ``unknown`` is not empty.
    """
    names = sorted(unknown)
    if names:
        raise UsageError(f'{owner} has no option {", ".join(names)}; it has {", ".join(allowed)}')
