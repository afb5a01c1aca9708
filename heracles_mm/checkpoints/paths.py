"""Where a local checkpoint lies."""

import os
from pathlib import Path

from heracles_mm.errors import CheckpointError


def absolute(path: str | Path) -> Path:
    """The path with ``~`` and the working directory filled in; links stay."""
    return Path(os.path.abspath(os.path.expanduser(path)))


def check_checkpoint_file(filename: str | Path) -> Path:
    """The absolute path of a local checkpoint, or a CheckpointError that it is none."""
    path = absolute(filename)
    if path.is_dir():
        raise CheckpointError(f'the checkpoint {filename} is a folder: name a file in it')
    if not path.is_file():
        raise CheckpointError(f'the checkpoint {filename} does not exist')
    return path
