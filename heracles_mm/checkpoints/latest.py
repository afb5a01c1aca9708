"""Which checkpoint of a work folder a training run continues from."""

import re
from pathlib import Path

from heracles_mm.checkpoints.loading import CheckpointError

_NUMBERED = re.compile(r'(epoch|iter)_\d+\.pth')


def latest_checkpoint(work_dir: str | Path) -> Path | None:
    """Find the newest checkpoint of a run, or None in a folder where nothing was saved yet.

    mmengine notes the newest file's path in ``last_checkpoint``. That note may be empty (the run
    was killed while writing it) or hold a path relative to another working folder, so the file's
    name is also looked for in ``work_dir``, and then the newest ``epoch_N.pth`` or ``iter_N.pth``.

    Raises:
        CheckpointError: ``last_checkpoint`` is there, but no checkpoint is.
    """
    folder = Path(work_dir)
    note = folder / 'last_checkpoint'
    noted = note.read_text().strip() if note.is_file() else ''
    if noted:
        for candidate in (Path(noted), folder / Path(noted).name):
            if candidate.is_file():
                return candidate
    saved = [path for path in folder.glob('*.pth') if _NUMBERED.fullmatch(path.name)]
    if saved:
        return max(saved, key=lambda path: path.stat().st_mtime_ns)
    if note.is_file():
        raise CheckpointError(
            f'{note} names the checkpoint {noted!r}, but neither it nor any epoch_N.pth or '
            f'iter_N.pth in {folder} exists'
        )
    return None
