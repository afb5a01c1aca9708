"""What mmengine's local log backend wrote, read back."""

import json
from pathlib import Path


def read_scalars(path: Path, name: str) -> list[tuple[int, float]]:
    """The values of one scalar in a ``vis_data/scalars.json``, as (step, value) in order.

    Raises:
        ValueError: the file holds no such scalar; the message names those it holds.
    """
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    values = [(row['step'], row[name]) for row in rows if name in row]
    if not values:
        names = sorted({key for row in rows for key in row} - {'step'})
        raise ValueError(f'{path} holds no scalar {name!r}, only {", ".join(names) or "nothing"}')
    return values
