"""The times of a series: one step from each row to the next, and what comes after the last."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from pathlib import Path

import numpy as np

from heracles_mm.errors import DataError

DAY = np.timedelta64(1, 'D')
MONTHS = np.dtype('timedelta64[M]')


def read_time(text: str) -> datetime:
    """An ISO time of whole seconds.

    Raises:
        ValueError: it is none.
    """
    time = datetime.fromisoformat(text.strip())
    if time.microsecond:
        raise ValueError('a fraction of a second')
    return time


def one_clock(times: Sequence[datetime]) -> np.ndarray:
    """Times as the clock shows them, (rows,), datetime64[s].

    Where the offset to UTC changes it is the last one's clock throughout, unless all have the same
    time of day: local days, weeks or months, which a change of the clocks does not move.
    """
    shown = np.array([time.replace(tzinfo=None) for time in times], 'datetime64[s]')
    offsets = [time.utcoffset() for time in times]
    of_day = shown - shown.astype('datetime64[D]')
    if len({*offsets}) == 1 or (of_day == of_day[0]).all():
        return shown
    return shown - np.array(offsets, 'timedelta64[s]') + np.timedelta64(offsets[-1], 's')


def as_text(time: np.datetime64, zone: tzinfo | None) -> str:
    """A time of a clock as a CSV has it, with its offset to UTC if it has one."""
    return str(time.astype('datetime64[s]').item().replace(tzinfo=zone))


def check_steps(times: np.ndarray, lines: Sequence[int], texts: Sequence[str], path: Path) -> None:
    """Refuse times (rows,), datetime64, that are not one step apart: seconds or calendar months.

    Args:
        times: of the rows, at least two.
        lines, texts: where the rows are in the file and what it has for their times, for messages.
        path: of the file, likewise.

    Raises:
        DataError: they are unsorted, repeated or irregular.
    """
    gaps = np.diff(times)
    for wrong, what in (
        (gaps < np.timedelta64(0), 'is earlier than the row before it: sort the rows by time'),
        (
            gaps == np.timedelta64(0),
            'has the time of the row before it: keep one row for each time, and write UTC where '
            'clocks change',
        ),
    ):
        if wrong.any():
            row = int(wrong.argmax()) + 1
            raise DataError(f'line {lines[row]} of {path} ({texts[row]}) {what}')
    step = usual_step(times)
    if step.dtype == MONTHS:
        return
    if (gaps != step).any():
        row = int((gaps != step).argmax()) + 1
        raise DataError(
            f'line {lines[row]} of {path} ({texts[row]}) comes {gaps[row - 1].item()} after the '
            f'row before it, and rows are {step.item()} apart: fill in the rows between, or take '
            'rows as steps with regular=False'
        )


def usual_step(times: np.ndarray) -> np.timedelta64:
    """The step of times (rows,), datetime64[s]: so many calendar months where every row has the
    same day and time of its month, or is on its last day; else the commonest gap, in seconds."""
    months = _months(times)
    gaps = np.diff(months)
    if gaps[0] > np.timedelta64(0) and (gaps == gaps[0]).all():
        within = times - months
        if (within == within[0]).all() or _at_ends(times):
            return gaps[0]
    seconds, counts = np.unique(np.diff(times), return_counts=True)
    return seconds[counts.argmax()]


def rows_per_day(step: np.timedelta64) -> int:
    """Rows of a day; 1 where a row is a day or more, or days are no whole number of rows."""
    if step.dtype == MONTHS or DAY % step:
        return 1
    return int(DAY // step)


def times_after(times: np.ndarray, step: np.timedelta64, count: int) -> np.ndarray:
    """The ``count`` times, datetime64[s], that follow times (rows,) with the step that they have.

    Months keep the day of the last row, or end before it. Days of which none is on a weekend go on
    from Monday to Friday.
    """
    steps = step * np.arange(1, count + 1)
    last = times[-1]
    day = last.astype('datetime64[D]')
    if skips_weekends(times, step):
        return np.busday_offset(day, np.arange(1, count + 1)) + (last - day)
    if step.dtype != MONTHS:
        return last + steps
    months = _months(last) + steps
    days = np.timedelta64(30, 'D') if _at_ends(times) else day - _months(last)
    lengths = (months + 1).astype('datetime64[D]') - months.astype('datetime64[D]')
    return months + np.minimum(days, lengths - DAY) + (last - day)


def skips_weekends(times: np.ndarray, step: np.timedelta64) -> bool:
    """Whether rows are days, some of them missing, and all of them from Monday to Friday."""
    if step.dtype == MONTHS or step != DAY or (np.diff(times) == DAY).all():
        return False
    return bool(np.is_busday(times.astype('datetime64[D]')).all())


def _months(times: np.ndarray) -> np.ndarray:
    return times.astype('datetime64[M]')


def _at_ends(times: np.ndarray) -> bool:
    """Whether each of ``times`` is on the last day of its month."""
    return bool((_months(times + DAY) != _months(times)).all())
