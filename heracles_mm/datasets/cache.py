"""Scenes on disk: made once, checked on every use, made again when damaged."""

import fcntl
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heracles_mm.datasets.parts import SPLITS, parts_checksum
from heracles_mm.datasets.scenes import GENERATOR_VERSION, iter_split_files, split_paths
from heracles_mm.datasets.spec import ScenesSpec
from heracles_mm.errors import CacheError

MANIFEST = 'manifest.json'

logger = logging.getLogger(__name__)


def cache_root() -> Path:
    """The folder that holds every set of scenes.

    ``$HERACLES_CACHE``, else ``$XDG_CACHE_HOME/heracles_mm``, else ``~/.cache/heracles_mm``.
    """
    if chosen := os.environ.get('HERACLES_CACHE'):
        return Path(chosen).expanduser()
    base = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    return Path(base).expanduser() / 'heracles_mm'


def scenes_folder(spec: ScenesSpec) -> Path:
    """Where the scenes of ``spec`` belong, whether they are there or not."""
    identity = json.dumps([spec.as_dict(), GENERATOR_VERSION, parts_checksum()], sort_keys=True)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
    name = f'scenes-{spec.num_train}-{spec.num_val}-{spec.size}px-{digest}'
    return cache_root() / name


def ensure_scenes(spec: ScenesSpec) -> Path:
    """The folder with the scenes of ``spec``, intact; made now if need be.

    Every file's sha256 is compared with the folder's manifest on each call. Any number of processes
    may call this at once: one makes the scenes, the others wait for it. A process that dies in the
    middle leaves only a folder that nobody reads, and the next call removes it.

    Args:
        spec: counts, sizes and seed.

    Returns:
        Absolute path. ``heracles_mm.datasets.scenes.iter_split_files`` describes the content.

    Raises:
        CacheError: the cache folder cannot be written, or has no room.
    """
    folder = scenes_folder(spec).absolute()
    if _damage(spec, folder) is None:
        return folder
    try:
        with _locked(folder.with_name(folder.name + '.lock')):
            damage = _damage(spec, folder)  # another process may have been faster
            if damage is not None:
                if folder.exists():
                    logger.warning('scenes in %s: %s; making them again', folder, damage)
                _remove_leftovers(folder)
                _make(spec, folder)
    except OSError as error:
        raise CacheError(
            f'cannot keep the scenes in {folder.parent} ({error.strerror or error}): set '
            'HERACLES_CACHE to a folder that can be written and has room'
        ) from error
    return folder


def _make(spec: ScenesSpec, folder: Path) -> None:
    """Write everything beside ``folder``, then put it there in one step."""
    logger.info('composing %d + %d scenes in %s', spec.num_train, spec.num_val, folder)
    partial = Path(tempfile.mkdtemp(prefix=folder.name + '.partial-', dir=folder.parent))
    try:
        files: dict[str, str] = {}
        for split in SPLITS:
            for path, content in iter_split_files(spec, split):
                target = partial / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
                files[path] = hashlib.sha256(content).hexdigest()
        manifest = {'generator_version': GENERATOR_VERSION, 'spec': spec.as_dict(), 'sha256': files}
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=0))
        partial.chmod(0o755)  # mkdtemp makes a folder that only its owner may enter
        if folder.exists():
            folder.rename(folder.with_name(folder.name + '.partial-damaged'))
        partial.rename(folder)
    finally:
        _remove_leftovers(folder)


def _remove_leftovers(folder: Path) -> None:
    """Remove what an interrupted run left. Call it with the lock held."""
    for leftover in folder.parent.glob(folder.name + '.partial-*'):
        shutil.rmtree(leftover)


def _damage(spec: ScenesSpec, folder: Path) -> str | None:
    """What is wrong with the scenes in ``folder``, in words; None when nothing is."""
    try:
        expected = json.loads((folder / MANIFEST).read_bytes())['sha256']
        if set(expected) != {path for split in SPLITS for path in split_paths(spec, split)}:
            return f'{MANIFEST} lists other files'
        for path, checksum in expected.items():
            if hashlib.sha256((folder / path).read_bytes()).hexdigest() != checksum:
                return f'{path} has changed'
    except FileNotFoundError as error:
        return f'{Path(error.filename).name} is missing'
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f'cannot be read ({error})'
    return None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; the kernel frees it when the process ends, however."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'w') as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
