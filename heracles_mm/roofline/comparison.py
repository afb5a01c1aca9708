"""Estimates beside what the benchmark measured."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from heracles_mm.errors import UserError


@dataclass(frozen=True)
class Pass:
    """What is estimated: a model of the benchmark at one size, in one dtype."""

    model: str
    size: str
    what: str
    dtype: str
    mode: str = 'eager'

    @property
    def cell(self) -> str:
        return f'{self.size}, {self.what}, {self.dtype}, {self.mode}'


@dataclass(frozen=True)
class Compared:
    """Seconds of a pass, measured and estimated, and both over those of the baseline."""

    model: str
    measured: float
    estimated: float
    measured_ratio: float
    estimated_ratio: float

    @property
    def error(self) -> float:
        """The estimated ratio over the measured one."""
        return self.estimated_ratio / self.measured_ratio


def read_measured(path: Path) -> dict[Pass, float]:
    """The seconds of every forward pass and training step in a JSON file of the benchmark.

    Raises:
        UserError: it is none, or measured nothing that can be estimated.
    """
    try:
        rows = json.loads(path.read_text())['rows']
        found = {
            Pass(*_texts(row)): row['value'][1]
            for row in rows
            if row['what'] in ('forward', 'training')
        }
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise UserError(
            f'{path} is no file of tools/benchmark.py --json ({type(error).__name__}: {error})'
        ) from error
    if not found:
        raise UserError(f'{path} has no forward pass and no training step to compare with')
    return found


def _texts(row: dict) -> tuple[str, ...]:
    return row['model'], row['size']['name'], row['what'], row['dtype'], row['mode']


def compare(
    measured: dict[Pass, float], estimate: Callable[[Pass], float], baseline: str
) -> dict[str, list[Compared]]:
    """Per cell of the benchmark: its models, over ``baseline``, or the first where it is not."""
    cells: dict[str, dict[str, tuple[float, float]]] = {}
    for each, seconds in measured.items():
        cells.setdefault(each.cell, {})[each.model] = seconds, estimate(each)
    found = {}
    for cell, models in cells.items():
        base = models.get(baseline) or next(iter(models.values()))
        found[cell] = [
            Compared(name, real, paper, real / base[0], paper / base[1])
            for name, (real, paper) in models.items()
        ]
    return found


def largest_error(rows: Sequence[Compared]) -> float:
    """By how much the ratio of any two models is off, as a factor of at least 1."""
    errors = [row.estimated / row.measured for row in rows]
    return max(errors) / min(errors)
