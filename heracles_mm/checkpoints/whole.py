"""Tell a whole checkpoint file from one that was cut short, changed or made to deceive.

torch.save writes a zip archive with the CRC-32 of each entry. torch.load does not look at it (its
reader is compiled without), so one flipped bit of a weight would pass for a weight. Here every byte
is read once more and compared, which costs about a second for each gigabyte.
"""

import os
import time
import zipfile
from pathlib import Path

from heracles_mm.errors import CheckpointError, DamagedCheckpointError

INDEX = '.safetensors.index.json'
"""How the name of a sharded checkpoint's index ends, as Hugging Face writes them."""

_ZIP, _PICKLE = b'PK\x03\x04', b'\x80'
_checked: set[tuple] = set()


def check_checkpoint_file(filename: str | Path) -> Path:
    """The absolute path of a local checkpoint, or a CheckpointError that it is none.

    Of a folder of sharded safetensors it is that of the index.
    """
    path = Path(os.path.abspath(os.path.expanduser(filename)))
    if path.is_dir():
        indices = [*path.glob(f'*{INDEX}')]
        if len(indices) != 1:
            raise CheckpointError(f'the checkpoint {filename} is a folder: name a file in it')
        return indices[0]
    if not path.is_file():
        raise CheckpointError(f'the checkpoint {filename} does not exist')
    return path


def check_whole(filename: str | Path) -> None:
    """Check the bytes of a ``.pth`` file, once in a process; nothing inside it is unpickled.

    Files of torch before 1.6 and bare pickles hold no checksum: of those only the first byte is
    looked at.

    Raises:
        DamagedCheckpointError: it is empty, cut short, changed, or no checkpoint.
        CheckpointError: it is an archive as torch.save never writes one.
        OSError: it cannot be opened.
    """
    state = os.stat(filename)
    version = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    if version in _checked:
        return
    with open(filename, 'rb') as file:
        start = file.read(len(_ZIP))
    if start == _ZIP:
        _check_archive(Path(filename))
    elif start[:1] != _PICKLE:
        raise DamagedCheckpointError(
            f'{filename} is not a PyTorch checkpoint'
            if start.strip(b'\0')
            else f'the checkpoint {filename} cannot be read, it may be damaged or cut short: it '
            f'{"begins with zeros" if start else "is empty"}'
        )
    if time.time() - state.st_ctime > 2:  # below, a second write could leave the same times
        _checked.add(version)


def _check_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_tricks(archive.infolist(), path)
            wrong = archive.testzip()
    except CheckpointError:
        raise
    except Exception as error:  # zipfile meets changed headers with any of a dozen types
        raise DamagedCheckpointError(
            f'the checkpoint {path} cannot be read, it may be damaged or cut short ({error})'
        ) from error
    if wrong is not None:
        raise DamagedCheckpointError(
            f'the checkpoint {path} is damaged: its entry {wrong} is not what torch.save wrote'
        )


def _refuse_tricks(entries: list[zipfile.ZipInfo], path: Path) -> None:
    """torch.save stores entries as they are, one after another, in one folder of the archive."""
    size = path.stat().st_size
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        trick = 'it is compressed, and may unpack to any size'
    elif sum(entry.file_size for entry in entries) > size:
        trick = f'its entries claim more than the {size:,} bytes that it has'
    elif any('..' in entry.filename.split('/') or entry.filename[:1] == '/' for entry in entries):
        trick = 'a name in it points out of the archive'
    elif len({entry.filename for entry in entries}) < len(entries):
        trick = 'two of its entries have the same name'
    else:
        for entry in entries:  # with two sizes, or as a folder, torch would read foreign memory
            is_folder = entry.is_dir() or entry.external_attr & 16
            if is_folder or entry.file_size != entry.compress_size:
                raise DamagedCheckpointError(
                    f'the checkpoint {path} is damaged: its entry {entry.filename} is not what '
                    'torch.save wrote'
                )
        return
    raise CheckpointError(
        f'the checkpoint {path} is refused: torch.save writes no such file, {trick}'
    )
