"""A config that knows which of its options nobody has read."""

from __future__ import annotations

import copy
from typing import Any

from mmengine.config import Config, ConfigDict


class Watched(ConfigDict):
    """A ConfigDict that takes an option off the list of the unread when it is asked for.

    Copies share the list, since registries and heads copy what they are given before they read it.
    ``**watched`` reads every option (the callee then rejects what it does not know); ``in`` reads
    none.
    """

    def __missing__(self, name: str) -> None:
        raise KeyError(name)

    @classmethod
    def of(cls, options: dict, path: str, unread: set[str]) -> Watched:
        """Watch ``options``, named ``path``, and all dicts in them; fills ``unread``."""
        watched = cls()._as(path, unread)
        for key, value in options.items():
            unread.add(f'{path}{key}')
            dict.__setitem__(watched, key, _watch(value, f'{path}{key}', unread))
        return watched

    def _as(self, path: str, unread: set[str]) -> Watched:
        object.__setattr__(self, '_path', path)
        object.__setattr__(self, '_unread', unread)
        return self

    def _read(self, *keys: str) -> None:
        self._unread.difference_update(f'{self._path}{key}' for key in keys)

    @classmethod
    def _hook(cls, item: Any) -> Any:
        """What the libraries add is not of the config and not watched."""
        return ConfigDict._hook(item)

    def __getitem__(self, key: str) -> Any:
        self._read(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._read(key)
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        self._read(key)
        return super().pop(key, *default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        self._read(key)
        return super().setdefault(key, default)

    def items(self) -> Any:
        self._read(*self)
        return super().items()

    def values(self) -> Any:
        self._read(*self)
        return super().values()

    def __copy__(self) -> Watched:
        other = type(self)()._as(self._path, self._unread)
        for key, value in dict.items(self):
            dict.__setitem__(other, key, value)
        return other

    copy = __copy__

    def __deepcopy__(self, memo: dict) -> Watched:
        other = type(self)()._as(self._path, self._unread)
        memo[id(self)] = other
        for key, value in dict.items(self):
            dict.__setitem__(other, key, copy.deepcopy(value, memo))
        return other


def watch(cfg: Config) -> tuple[Config, set[str]]:
    """A copy of ``cfg``, and the paths of its unread options, which shrink as it is read."""
    unread: set[str] = set()
    options = Watched.of(cfg._cfg_dict, '', unread)
    return Config(options, filename=cfg.filename), unread


def _watch(value: Any, path: str, unread: set[str]) -> Any:
    if isinstance(value, dict):
        return Watched.of(value, f'{path}.', unread)
    if isinstance(value, (list, tuple)):
        return type(value)(_watch(item, f'{path}.{i}', unread) for i, item in enumerate(value))
    return value
