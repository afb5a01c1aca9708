"""CSVs of made series."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

HOUR = np.timedelta64(3600, 's')


def times_of(rows: int, step: np.timedelta64 = HOUR, begin: str = '2016-07-01') -> np.ndarray:
    return np.datetime64(begin, 's') + step * np.arange(rows)


def write_csv(
    path: Path,
    values: np.ndarray,
    columns: Sequence[str] | None = None,
    times: np.ndarray | None = None,
) -> Path:
    """Values (rows, columns) under a header, as the public files are laid out."""
    columns = columns or [f's{i}' for i in range(values.shape[1])]
    times = times_of(len(values)) if times is None else times
    stamps = [str(time).replace('T', ' ') for time in times]
    lines = [','.join([stamp, *map(str, row)]) for stamp, row in zip(stamps, values)]
    path.write_text('\n'.join([','.join(['date', *columns]), *lines]) + '\n')
    return path


def walks(rows: int, columns: int = 3, seed: int = 0) -> np.ndarray:
    """Random walks with a day in them."""
    noise = np.random.default_rng(seed).standard_normal((rows, columns))
    day = np.sin(np.arange(rows) * (2 * np.pi / 24))[:, None]
    return (0.1 * noise.cumsum(0) + day).round(4)
