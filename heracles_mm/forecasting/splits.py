"""Which rows of a series are for training, for choosing and for the test."""

from collections.abc import Mapping, Sequence

import numpy as np

from heracles_mm.errors import DataError, UsageError
from heracles_mm.forecasting.steps import DAY, MONTHS, read_time

PARTS = ('train', 'val', 'test')
MONTH = 30 * DAY

Split = Mapping[str, Sequence] | Sequence
Borders = dict[str, tuple[int, int]]
"""Part -> its first row and the row after its last."""


def split_rows(times: np.ndarray, step: np.timedelta64, split: Split) -> Borders:
    """Divide rows into three parts, one after the other.

    Args:
        times: of the rows, (rows,), datetime64, in order.
        step: from a row to the next.
        split: one of ``months=(12, 4, 4)``, of 30 days each, as ETT is divided (rows after the last
            are left out); ``fractions=(0.7, 0.1, 0.2)`` of the rows, as Weather, Electricity and
            Traffic are; ``dates=('2017-07-01', '2017-11-01')``, where the second and the third part
            begin. Also as one sequence, ``('months', 12, 4, 4)``, which replaces another where
            configs inherit: mmengine merges dicts.

    Raises:
        UsageError: ``split`` is nothing of these.
        DataError: the rows do not suffice.
    """
    if isinstance(split, list | tuple) and split and isinstance(split[0], str):
        split = {split[0]: split[1:]}
    if not isinstance(split, Mapping) or len(split) != 1 or not split.keys() <= KINDS.keys():
        raise UsageError(
            "split takes one of ('months', 12, 4, 4), ('fractions', 0.7, 0.1, 0.2) and "
            f"('dates', VAL, TEST), got {split!r}; in a config that inherits another, a dict is "
            'merged with the one there unless it has _delete_=True'
        )
    ((kind, values),) = split.items()
    values = tuple(values) if isinstance(values, Sequence) and not isinstance(values, str) else ()
    edges = KINDS[kind](values, times, step)
    if not 0 < edges[0] < edges[1] < edges[2] <= len(times):
        raise DataError(
            f'split {kind}={values} ends its three parts at the rows {edges}, and there are '
            f'{len(times)} rows, from {times[0]} to {times[-1]}: each part needs some'
        )
    return dict(zip(PARTS, zip((0, *edges), edges)))


def _by_months(values: tuple, times: np.ndarray, step: np.timedelta64) -> tuple[int, ...]:
    if len(values) != 3 or not all(isinstance(count, int) for count in values):
        raise UsageError(f'split months takes three whole numbers, got {values}')
    if step.dtype == MONTHS or MONTH % step:
        raise DataError(
            f'split months counts 30 days each, which are no whole number of steps of {step}: '
            'split by fractions or dates'
        )
    return tuple(int(edge) for edge in np.cumsum(values) * int(MONTH // step))


def _by_fractions(values: tuple, times: np.ndarray, step: np.timedelta64) -> tuple[int, ...]:
    """As the loaders of those data do: the part in the middle has what rounding leaves."""
    if len(values) != 3 or not all(isinstance(f, float) and 0 < f < 1 for f in values):
        raise UsageError(f'split fractions takes three numbers between 0 and 1, got {values}')
    if abs(sum(values) - 1) > 1e-6:
        raise UsageError(f'split fractions must sum to 1, got {values}')
    count = len(times)
    return int(count * values[0]), count - int(count * values[2]), count


def _by_dates(values: tuple, times: np.ndarray, step: np.timedelta64) -> tuple[int, ...]:
    try:
        first, second = (read_time(value) for value in values)
        if first.tzinfo or second.tzinfo:
            raise ValueError('an offset')
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(
            "split dates takes two times as texts, such as '2017-07-01' and '2017-11-01T12:00', by "
            f"the file's own clock (without an offset to UTC), got {values}"
        ) from error
    begins = np.array([first, second], 'datetime64[s]')
    return *(int(row) for row in np.searchsorted(times, begins)), len(times)


KINDS = {'months': _by_months, 'fractions': _by_fractions, 'dates': _by_dates}
