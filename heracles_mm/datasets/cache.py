"""Scenes on disk: made once, checked on every use, made again when damaged."""

import fcntl
import hashlib
import json
import logging
import os
import shutil
from pathlib import Path

from heracles_mm.datasets.parts import PARTS_FILE, SPLITS
from heracles_mm.datasets.scene_files import iter_split_files
from heracles_mm.datasets.scenes import GENERATOR_VERSION
from heracles_mm.datasets.spec import ScenesSpec
from heracles_mm.errors import CacheError

MANIFEST = 'checksum.json'
"""Also a part of the folder's name: releases that check otherwise make scenes of their own."""

logger = logging.getLogger(__name__)


def cache_root() -> Path:
    """The folder that holds every set of scenes.

    ``$HERACLES_CACHE``, else ``$XDG_CACHE_HOME/heracles_mm``, else ``~/.cache/heracles_mm``.
    """
    base = Path(os.environ.get('XDG_CACHE_HOME') or '~/.cache')
    return Path(os.environ.get('HERACLES_CACHE') or base / 'heracles_mm').expanduser()


def scenes_folder(spec: ScenesSpec) -> Path:
    """Where the scenes of ``spec`` belong, whether they are there or not."""
    parts = hashlib.sha256(PARTS_FILE.read_bytes()).hexdigest()
    identity = json.dumps([spec.as_dict(), GENERATOR_VERSION, parts, MANIFEST], sort_keys=True)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
    return cache_root() / f'scenes-{spec.num_train}-{spec.num_val}-{spec.size}px-{digest}'


def ensure_scenes(spec: ScenesSpec) -> Path:
    """The folder with the scenes of ``spec``, intact; made now if need be.

    The sha256 of all files is compared with the manifest on each call. Any number of processes may
    call this at once: one makes the scenes, the others wait for it. A process that dies in the
    middle leaves only a folder that nobody reads, and the next call removes it.

    Returns:
        Absolute path; ``iter_split_files`` describes the content.

    Raises:
        CacheError: the cache folder cannot be written, or has no room.
    """
    folder = scenes_folder(spec).absolute()
    if _is_intact(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with open(f'{folder}.lock', 'w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # freed by the kernel when the process ends, however
            if not _is_intact(folder):  # no other process has been faster
                if folder.exists():
                    logger.warning('scenes in %s are damaged; making them again', folder)
                _make(spec, folder)
    except OSError as error:
        raise CacheError(
            f'cannot keep the scenes in {folder.parent} ({error.strerror or error}): set '
            'HERACLES_CACHE to a folder that can be written and has room'
        ) from error
    return folder


def _make(spec: ScenesSpec, folder: Path) -> None:
    """Write everything beside ``folder``, then put it there in one step. Needs the lock."""
    logger.info('composing %d + %d scenes in %s', spec.num_train, spec.num_val, folder)
    partial = folder.with_name(folder.name + '.partial')
    if partial.exists():  # of a process that was killed
        shutil.rmtree(partial)
    try:
        for split in SPLITS:
            for path, content in iter_split_files(spec, split):
                target = partial / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
        manifest = {'generator_version': GENERATOR_VERSION, 'spec': spec.as_dict()}
        manifest['sha256'] = _checksum(partial)
        (partial / MANIFEST).write_text(json.dumps(manifest))
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _is_intact(folder: Path) -> bool:
    try:
        return json.loads((folder / MANIFEST).read_bytes())['sha256'] == _checksum(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _checksum(folder: Path) -> str:
    """sha256 of the names and contents of all scenes, in hex."""
    digest = hashlib.sha256()
    for path in sorted([*folder.glob('*/*/*.png'), *folder.glob('*/*.json')]):
        digest.update(f'{path.relative_to(folder)}\n'.encode() + path.read_bytes())
    return digest.hexdigest()
