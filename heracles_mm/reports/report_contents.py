"""What a report shows, whatever the library."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

PICTURES = 12
"""The worst ones shown."""


@dataclass(frozen=True)
class Table:
    """Rows of words and numbers under a title; NaN is shown as a dash."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Picture:
    """One of the data set, by its index, and what is wrong with its prediction."""

    index: int
    reasons: Sequence[str]


@dataclass(frozen=True)
class Findings:
    """All of a data set.

    Attributes:
        tables: the classes first.
        names: of the rows and columns of ``matrix``.
        matrix: (N, N) counts of ``unit``, true class by predicted one.
        unit: what is counted.
        worst: the worst picture first.
    """

    tables: Sequence[Table]
    names: Sequence[str]
    matrix: np.ndarray
    unit: str
    worst: Sequence[Picture]


def confusions(matrix: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pairs of a true class and another predicted one, the most frequent first."""
    wrong = matrix * ~np.eye(len(matrix), dtype=bool)
    for place in np.argsort(-wrong, axis=None, kind='stable')[: np.count_nonzero(wrong)]:
        yield divmod(int(place), len(matrix))


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """``part / whole`` in percent, NaN where the whole is nothing."""
    return 100 * np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
