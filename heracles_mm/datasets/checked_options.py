"""A misspelt option is an error that names the right ones."""

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from mmengine.dataset import BaseDataset

from heracles_mm.datasets.parts import check_split
from heracles_mm.datasets.spec import ScenesSpec
from heracles_mm.errors import UsageError


def check_options(owner: str, options: Iterable[str], allowed: Sequence[str]) -> None:
    """Raise a TypeError, in the name of ``owner``, for options that are not allowed."""
    if unknown := sorted(set(options) - set(allowed)):
        raise UsageError(f'{owner} has no option {", ".join(unknown)}; it has {", ".join(allowed)}')


def options_of(owner: type, *without: str) -> list[str]:
    """The options that a class names, save some; ``**kwargs`` would swallow any other."""
    parameters = inspect.signature(owner).parameters.values()
    return [p.name for p in parameters if p.kind is not p.VAR_KEYWORD and p.name not in without]


BASE_OPTIONS = options_of(BaseDataset, 'ann_file', 'data_root', 'data_prefix')
"""Paths are left out: the cache decides them."""


def take_spec(owner: str, split: str, options: dict[str, Any]) -> ScenesSpec:
    """Take what describes the scenes out of a data set's ``options``; leave its base class's.

    Raises:
        TypeError: an option that does not exist, or of the wrong type.
        ValueError: unknown split, or an option out of range.
    """
    names = [field.name for field in fields(ScenesSpec)]
    check_options(owner, ['split', *options], ['split', *names, *BASE_OPTIONS])
    check_split(split)
    return ScenesSpec(**{name: options.pop(name) for name in names if name in options})
