"""Which checkpoint of a work folder a training run continues from."""

import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from heracles_mm.checkpoints.whole import check_whole
from heracles_mm.errors import CheckpointError, DamagedCheckpointError

_NUMBERED = re.compile(r'(epoch|iter)_\d+\.pth')


def latest_checkpoint(
    work_dir: str | Path, warn: Callable[[str], None] = warnings.warn
) -> Path | None:
    """Find the newest whole checkpoint of a run, or None in a folder where nothing was saved yet.

    mmengine notes the newest file's path in ``last_checkpoint``. That note may be empty (the run
    was killed while writing it) or hold a path relative to another working folder, so the file's
    name is also looked for in ``work_dir``, and then ``epoch_N.pth`` and ``iter_N.pth``, the newest
    first. A damaged file is passed over for the next, and ``warn`` is called with a sentence.

    Raises:
        CheckpointError: ``last_checkpoint`` is there, but no checkpoint is; all are damaged; or
            the newest is refused for another reason.
    """
    folder = Path(work_dir)
    note = folder / 'last_checkpoint'
    noted = note.read_text(errors='replace').strip('\0 \n') if note.is_file() else ''
    damaged = None
    for path in dict.fromkeys(_candidates(folder, noted)):
        try:
            check_whole(path)
        except DamagedCheckpointError as error:
            warn(f'{error}: passed over for the one before')
            damaged = path
        else:
            return path
    if damaged:
        raise CheckpointError(
            f'no checkpoint in {folder} is whole, {damaged} was the last tried: take the damaged '
            'files away to start from the beginning'
        )
    if note.is_file():
        raise CheckpointError(
            f'{note} names the checkpoint {noted!r}, but neither it nor any epoch_N.pth or '
            f'iter_N.pth in {folder} exists'
        )
    return None


def _candidates(folder: Path, noted: str) -> Iterator[Path]:
    if noted and '\0' not in noted:
        for candidate in (Path(noted), folder / Path(noted).name):
            if candidate.is_file():
                yield candidate
                break
    saved = [path for path in folder.glob('*.pth') if _NUMBERED.fullmatch(path.name)]
    yield from sorted(saved, key=lambda path: path.stat().st_mtime_ns, reverse=True)
