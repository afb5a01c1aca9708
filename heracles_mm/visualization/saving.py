"""Pictures that appear whole or not at all."""

import io
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from heracles_mm.checkpoints.writing import write_whole
from heracles_mm.errors import UsageError

SUFFIXES = ('.png', '.svg')
DPI = 100


def check_picture_path(path: Path) -> None:
    """Raise a ValueError for a name that does not say in which format to write."""
    if path.suffix not in SUFFIXES:
        raise UsageError(f'{path} must end in {" or ".join(SUFFIXES)}, which says the format')


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG (``DPI``) or SVG; the same figure always gives the same bytes.

    Raises:
        ValueError: the name ends in neither.
        CheckpointError: the folder or the disk refuses it.
    """
    check_picture_path(path)
    content = io.BytesIO()
    with rc_context({'svg.hashsalt': 'heracles_mm'}):
        figure.savefig(content, format=path.suffix[1:], dpi=DPI, metadata=_metadata(path))
    write_whole(content.getvalue(), path)


def _metadata(path: Path) -> dict:
    return {'Date': None} if path.suffix == '.svg' else {'Software': None}
