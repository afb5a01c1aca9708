"""Read checkpoints without running anything that is inside them.

A pickle can name any function and have it called. torch reads a file safely with
``weights_only=True``, its default since 2.6; but torch.hub asks for the unsafe way, and the OneDL
mmengine tries it after a refusal (and allows ``getattr`` before it). Here the safe way is the only
one, unless the user names a file and says that it is trusted.

mmengine.runner is imported inside the functions: it brings OpenCV, which ``import heracles_mm``
must not.
"""

import os
import pickle
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from heracles_mm.checkpoints.paths import absolute, check_checkpoint_file
from heracles_mm.checkpoints.whole import check_whole
from heracles_mm.errors import CheckpointError, DamagedCheckpointError

_FORCE_SAFE = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'
_FORCE_UNSAFE = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'


_trusted: set[Path] = set()


@contextmanager
def read_plain_checkpoints_only(trusted: str | Path | None = None) -> Iterator[None]:
    """Make mmengine and torch read every checkpoint with ``weights_only=True`` in this context.

    Local files go through a loader of ours, registered with mmengine's CheckpointLoader, whose
    refusals are sentences. For everything else (URLs, object stores) torch's own switch, the
    environment variable TORCH_FORCE_WEIGHTS_ONLY_LOAD, is set. Contexts may be nested; what an
    outer one trusts stays trusted.

    Args:
        trusted: one local file that may hold Python objects, because the user said so.
    """
    from mmengine.runner.checkpoint import CheckpointLoader

    import heracles_mm.checkpoints.safetensors_files  # noqa: F401  (registers its scheme)

    newly_trusted = {absolute(trusted)} - _trusted if trusted is not None else set()
    loader_before = CheckpointLoader._get_checkpoint_loader('')
    _trusted.update(newly_trusted)
    CheckpointLoader.register_scheme(prefixes='', loader=load_from_local_plain, force=True)
    try:
        with _environment({_FORCE_SAFE: '1', _FORCE_UNSAFE: None}):
            yield
    finally:
        CheckpointLoader.register_scheme(prefixes='', loader=loader_before, force=True)
        _trusted.difference_update(newly_trusted)


def read_checkpoint(filename: str | Path, map_location: Any = 'cpu') -> Any:
    """Read one checkpoint safely: a file, or any place that mmengine takes, such as a URL.

    Raises:
        CheckpointError: it is missing, damaged, no checkpoint, or holds more than plain data.
    """
    from mmengine.runner.checkpoint import CheckpointLoader

    with read_plain_checkpoints_only():
        try:
            return CheckpointLoader.load_checkpoint(str(filename), map_location, logger='silent')
        except (CheckpointError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # of the loaders that are not ours: the network, the content
            raise CheckpointError(
                f'the checkpoint {filename} cannot be read: {_first_line(error)}'
            ) from error


def load_from_local_plain(filename: str, map_location: Any) -> Any:
    """Our loader of local files for mmengine's CheckpointLoader."""
    path = check_checkpoint_file(filename)
    if path in _trusted:
        with _environment({_FORCE_SAFE: None}):
            return _read(filename, path, map_location, weights_only=False)
    return _read(filename, path, map_location, weights_only=True)


def _read(filename: str, path: Path, map_location: Any, weights_only: bool) -> Any:
    try:
        check_whole(path)
        return torch.load(path, map_location=map_location, weights_only=weights_only)
    except (CheckpointError, torch.OutOfMemoryError):
        raise
    except pickle.UnpicklingError as error:
        raise CheckpointError(_why_refused(filename, str(error))) from error
    except Exception as error:
        raise DamagedCheckpointError(
            f'the checkpoint {filename} cannot be read, it may be damaged or cut short '
            f'({type(error).__name__}: {_first_line(error)})'
        ) from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), '')


def _why_refused(filename: str, torch_says: str) -> str:
    asked_for = re.search(r'GLOBAL (\S+)', torch_says)
    what = f' such as {asked_for.group(1)}' if asked_for else ''
    return (
        f'the checkpoint {filename} holds Python objects other than tensors and plain data{what}, '
        'which could run code when they are loaded: if you trust where it came from, name it on '
        'the command line and run again with --trust-checkpoint'
    )


@contextmanager
def _environment(changes: dict[str, str | None]) -> Iterator[None]:
    """Set (or with None unset) environment variables, and put them back afterwards."""
    before = {name: os.environ.get(name) for name in changes}
    _apply(changes)
    try:
        yield
    finally:
        _apply(before)


def _apply(changes: dict[str, str | None]) -> None:
    for name, value in changes.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
