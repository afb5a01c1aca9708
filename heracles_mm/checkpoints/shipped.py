"""The weights that come with this package: ``heracles_mm://NAME`` instead of a file or URL."""

from pathlib import Path

from heracles_mm.errors import CheckpointError

SCHEME = 'heracles_mm://'
FOLDER = Path(__file__).parents[1] / 'weights'


def shipped_weights() -> dict[str, Path]:
    """Name of the config that trained them -> file, ``<name>-<first 8 of its sha256>``."""
    files = sorted(FOLDER.glob('*.safetensors'))
    return {path.stem.rpartition('-')[0]: path for path in files}


def shipped_file(address: str) -> Path:
    """The file of ``heracles_mm://NAME``.

    Raises:
        CheckpointError: no such weights are shipped; the message names those that are.
    """
    known = shipped_weights()
    name = address.removeprefix(SCHEME)
    if name not in known:
        raise CheckpointError(
            f'no weights {name!r} come with heracles_mm, choose one of '
            f'{", ".join(SCHEME + one for one in known)}'
        )
    return known[name]
