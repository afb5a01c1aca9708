"""What mmengine's local log backend wrote, read back."""

import json
from pathlib import Path

from heracles_mm.errors import UsageError

NEVER_DRAWN = {'step', 'epoch', 'iter'}


def find_scalars(run: Path) -> Path:
    """The newest ``vis_data/scalars.json`` of a work folder or a folder inside it.

    Raises:
        ValueError: there is none.
    """
    if run.is_file():
        return run
    found = sorted(run.rglob('vis_data/scalars.json'))  # mmengine names folders by their time
    if not found:
        raise UsageError(f'{run} holds no vis_data/scalars.json: name the work folder of a run')
    return found[-1]


def read_scalars(path: Path, name: str) -> list[tuple[int, float]]:
    """The values of one scalar in a ``vis_data/scalars.json``, as (step, value) in order.

    Raises:
        ValueError: the file holds no such scalar; the message names those it holds.
    """
    rows = _rows(path)
    values = [(row['step'], row[name]) for row in rows if name in row]
    if not values:
        names = sorted({key for row in rows for key in row} - NEVER_DRAWN)
        raise UsageError(f'{path} holds no scalar {name!r}, only {", ".join(names) or "nothing"}')
    return values


def counts_epochs(path: Path, name: str) -> bool:
    """Whether the steps of a scalar are epochs: what is measured behind epochs is logged so."""
    rows = _rows(path)
    by_epoch = any('epoch' in row for row in rows)
    return by_epoch and not any('iter' in row for row in rows if name in row)


def _rows(path: Path) -> list[dict]:
    try:
        return [json.loads(line) for line in path.read_text().splitlines()]
    except (OSError, ValueError) as error:
        raise UsageError(f'{path} cannot be read as lines of scalars: {error}') from error
