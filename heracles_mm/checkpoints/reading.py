"""Read checkpoints without running anything that is inside them.

A pickle can name any function and have it called. torch reads a file safely with
``weights_only=True``, its default since 2.6; but torch.hub asks for the unsafe way, and the OneDL
mmengine tries it after a refusal (and allows ``getattr`` before it). Here the safe way is the only
one, unless the user names a file and says that it is trusted.

mmengine.runner is imported inside the functions: it brings OpenCV, which ``import heracles_mm``
must not.
"""

import json
import os
import pickle
import re
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.fileio import get_local_path

from heracles_mm.checkpoints.recognise import a_few
from heracles_mm.checkpoints.shipped import SCHEME, shipped_file
from heracles_mm.checkpoints.whole import INDEX, check_checkpoint_file, check_whole
from heracles_mm.checkpoints.writing import META, import_safetensors
from heracles_mm.errors import CheckpointError, DamagedCheckpointError

_FORCE_SAFE = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'
_FORCE_UNSAFE = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'

_lock = threading.RLock()
_contexts: Counter[Path | None] = Counter()
"""The contexts that are open, by the file that each trusts."""
_installed = ExitStack()


@contextmanager
def read_plain_checkpoints_only(trusted: str | Path | None = None) -> Iterator[None]:
    """Make mmengine and torch read every checkpoint with ``weights_only=True`` in this context.

    Local files go through a loader of ours, registered with mmengine's CheckpointLoader, whose
    refusals are sentences. For everything else (URLs, object stores) torch's own switch, the
    environment variable TORCH_FORCE_WEIGHTS_ONLY_LOAD, is set. Several contexts may be open, of
    several threads too, and end in any order: what one trusts is trusted until it ends.

    Args:
        trusted: one local file that may hold Python objects, because the user said so.
    """
    path = None if trusted is None else Path(os.path.abspath(os.path.expanduser(trusted)))
    with _lock:
        if not _contexts.total():
            _installed.enter_context(_safe_loading())
        _contexts[path] += 1
    try:
        yield
    finally:
        with _lock:
            _contexts[path] -= 1
            if not _contexts.total():
                _installed.close()


def read_checkpoint(filename: str | Path, map_location: Any = 'cpu', mmap: bool = False) -> Any:
    """Read one checkpoint safely: a file, or any place that mmengine takes, such as a URL.

    Args:
        filename: ``*.safetensors``, the index ``*.safetensors.index.json`` of a sharded one or the
            folder of both, what torch.save wrote under any name, or ``heracles_mm://NAME``, weights
            that come with this package.
        map_location: as in ``torch.load``.
        mmap: leave the tensors of a local file on the disk until they are used.

    Raises:
        CheckpointError: it is missing, damaged, no checkpoint, or holds more than plain data.
    """
    name = str(filename)
    try:
        if name.startswith(SCHEME):
            return load_shipped(name)
        if name.endswith('.safetensors'):
            return load_from_safetensors(name)
        if name.endswith(INDEX):
            return load_from_shards(name)
        if '://' not in name:
            return load_from_local_plain(name, map_location, mmap)
        from mmengine.runner.checkpoint import CheckpointLoader

        with read_plain_checkpoints_only():
            return CheckpointLoader.load_checkpoint(name, map_location, logger='silent')
    except (CheckpointError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # of the loaders that are not ours: the network, the content
        raise CheckpointError(
            f'the checkpoint {filename} cannot be read: {_first_line(error)}'
        ) from error


def load_from_local_plain(filename: str, map_location: Any, mmap: bool = False) -> Any:
    """Our loader of local files for mmengine's CheckpointLoader."""
    path = check_checkpoint_file(filename)
    if path.name.endswith(INDEX):
        return load_from_shards(path)
    with _lock:
        if _contexts[path]:  # it is trusted, and torch's switch is on
            del os.environ[_FORCE_SAFE]
            try:
                return _read(filename, path, map_location, mmap, weights_only=False)
            finally:
                os.environ[_FORCE_SAFE] = '1'
    return _read(filename, path, map_location, mmap, weights_only=True)


def load_from_safetensors(filename: str, map_location: Any = 'cpu') -> dict[str, Any]:
    """Our loader of safetensors files and URLs, which heracles_mm.engine lets mmengine use.

    Returns:
        ``state_dict``, whose tensors are on the CPU whatever ``map_location`` says, and ``meta``.
    """
    safetensors = import_safetensors(filename)
    if '://' not in filename:
        filename = str(check_checkpoint_file(filename))
    try:
        with get_local_path(filename) as path, safetensors.safe_open(path, 'pt') as file:
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return {
                'state_dict': weights,
                'meta': json.loads((file.metadata() or {}).get(META, '{}')),
            }
    except (safetensors.SafetensorError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f'the checkpoint {filename} cannot be read, it may be damaged or cut short ({error})'
        ) from error


def load_shipped(address: str, map_location: Any = 'cpu') -> dict[str, Any]:
    """Our loader of ``heracles_mm://NAME``, as :func:`load_from_safetensors`."""
    return load_from_safetensors(str(shipped_file(address)))


def load_from_shards(filename: str | Path, map_location: Any = 'cpu') -> dict[str, Any]:
    """Our loader of the index of sharded safetensors, whose shards stand beside it.

    Returns:
        ``state_dict``, whose tensors are on the CPU whatever ``map_location`` says.
    """
    if '://' in str(filename):
        raise CheckpointError(f'{filename} is one of several files: download its folder')
    path = check_checkpoint_file(filename)
    try:
        places = json.loads(path.read_text())['weight_map']
        names = {*places.values()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f'{path} is no index of sharded safetensors ({error!r})') from error
    for name in names:
        if not (isinstance(name, str) and name == Path(name).name):
            raise CheckpointError(f'{path} is refused: its shard {name!r} is no file beside it')
    shards = {name: load_from_safetensors(str(path.with_name(name))) for name in sorted(names)}
    lost = [key for key, name in places.items() if key not in shards[name]['state_dict']]
    if lost:
        raise DamagedCheckpointError(f'{path} is damaged: its shards lack {a_few(lost)}')
    return {'state_dict': {key: shards[name]['state_dict'][key] for key, name in places.items()}}


def _read(filename: str, path: Path, map_location: Any, mmap: bool, weights_only: bool) -> Any:
    try:
        check_whole(path)
        return torch.load(
            path,
            map_location=map_location,
            weights_only=weights_only,
            mmap=mmap and zipfile.is_zipfile(path),
        )
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
def _safe_loading() -> Iterator[None]:
    from mmengine.runner.checkpoint import CheckpointLoader

    loader = CheckpointLoader._get_checkpoint_loader('')
    before = {name: os.environ.pop(name, None) for name in (_FORCE_SAFE, _FORCE_UNSAFE)}
    CheckpointLoader.register_scheme(prefixes='', loader=load_from_local_plain, force=True)
    os.environ[_FORCE_SAFE] = '1'
    yield
    del os.environ[_FORCE_SAFE]
    os.environ.update({name: value for name, value in before.items() if value is not None})
    CheckpointLoader.register_scheme(prefixes='', loader=loader, force=True)
