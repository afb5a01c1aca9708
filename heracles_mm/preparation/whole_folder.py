"""A folder that appears whole or not at all."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from heracles_mm.data_checks.findings import read_each
from heracles_mm.errors import DataError
from heracles_mm.preparation.source_files import File

Content = bytes | File
"""What a file will hold: these bytes, or those of another file."""


def free_folder(path: str | Path) -> Path:
    """The absolute path of a folder that is empty or does not exist.

    Raises:
        DataError: something is there.
    """
    folder = Path(path).expanduser().resolve()
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise DataError(f'{folder} exists and is not an empty folder: remove it, or name another')
    return folder


def write_whole_folder(files: Mapping[str, Content], folder: Path) -> None:
    """Write ``files``, by their paths in ``folder``, beside it, and put it there in one step.

    Raises:
        DataError: the disk refuses it, or the folder was filled meanwhile.
    """

    def write(path: str) -> None:
        target, content = whole / path, files[path]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.read_bytes())

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f'{folder.name}.partial-', dir=folder.parent) as temporary:
            whole = Path(temporary, folder.name)  # which others may read, unlike the one around it
            for _ in read_each(write, list(files), 'writing'):
                pass
            whole.rename(folder)
    except OSError as error:
        raise DataError(
            f'{folder} cannot be written ({error.strerror or error}): make room, or name another '
            'folder'
        ) from error
