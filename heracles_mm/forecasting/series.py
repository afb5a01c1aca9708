"""A CSV of series: a column of times and columns of numbers, one row a step."""

import csv
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from heracles_mm.errors import DataError
from heracles_mm.forecasting.steps import check_steps, one_clock, read_time, usual_step

MISSING = ('', 'na', 'n/a', 'nan', 'null', 'none')
"""What stands for a missing value, in lower case."""


class Series(NamedTuple):
    """Rows of several series at the same times."""

    times: np.ndarray
    """(rows,), datetime64[s], by the clock of ``zone``."""
    values: np.ndarray
    """(rows, columns), float64."""
    columns: tuple[str, ...]
    step: np.timedelta64
    """From a row to the next: seconds, or calendar months."""
    zone: tzinfo | None
    """The offset to UTC of the last row; None where the file has none."""


def read_series(
    path: str | Path,
    columns: Sequence[str] | None = None,
    date: str = 'date',
    regular: bool = True,
) -> Series:
    """Read a CSV with a header, commas and a column of ISO times, such as 2016-07-01 13:00:00.

    The last file that was read is kept, since the parts of a data set are read one by one.

    Args:
        path: of the file.
        columns: those to read, in this order; None for all but the times.
        date: the column of the times.
        regular: each row must come one step after the row before. False takes the rows as steps,
            whatever their times.

    Raises:
        DataError: the file cannot be read, a column is not there, a cell holds no number or time,
            or the times are unsorted, repeated, irregular, or with and without an offset to UTC.
    """
    path = Path(path).expanduser()
    try:
        changed = path.stat().st_mtime_ns
        return _read(path, changed, None if columns is None else tuple(columns), date, regular)
    except OSError as error:
        raise DataError(f'the series {path} cannot be read: {error.strerror}') from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f'the series {path} is no CSV in UTF-8: {error}') from error


@lru_cache(maxsize=1)
def _read(
    path: Path, changed: int, columns: tuple[str, ...] | None, date: str, regular: bool
) -> Series:
    with path.open(newline='', encoding='utf-8-sig') as file:
        lines = csv.reader(file)
        header = [name.strip() for name in next(lines, [])]
        columns = _chosen(path, header, columns, date)
        places = [header.index(name) for name in columns]
        date_place = header.index(date)
        lines_of_rows, texts, times, rows = [], [], [], []
        for cells in filter(None, lines):
            where = f'line {lines.line_num} of {path}'
            if len(cells) != len(header):
                raise DataError(
                    f'{where} has {len(cells)} cells and the header {len(header)}: write one for '
                    'each column'
                )
            lines_of_rows.append(lines.line_num)
            texts.append(cells[date_place])
            times.append(_time(texts[-1], where))
            if (times[-1].tzinfo is None) != (times[0].tzinfo is None):
                raise DataError(
                    f'{where} has the time {texts[-1]!r} and the first row {texts[0]!r}: write all '
                    'times with an offset to UTC, or none'
                )
            rows.append(_numbers([cells[place] for place in places], columns, where))
    if len(rows) < 2:
        raise DataError(f'{path} has {len(rows)} rows below its header: at least two are needed')
    stamps = one_clock(times)
    if regular:
        check_steps(stamps, lines_of_rows, texts, path)
    return Series(stamps, np.array(rows), columns, usual_step(stamps), times[-1].tzinfo)


def _chosen(
    path: Path, header: list[str], columns: tuple[str, ...] | None, date: str
) -> tuple[str, ...]:
    """The columns to read."""
    named = ', '.join(map(repr, header)) or 'none'
    for name in (date, *(columns or ())):
        if header.count(name) != 1:
            how_many = 'two columns' if name in header else 'no column'
            raise DataError(
                f'{path} has {how_many} {name!r} (its header, read with commas: {named}): give '
                f'{"date" if name == date else "columns"} other names, or mend the header'
            )
    found = columns or tuple(name for name in header if name != date)
    if '' in found:
        raise DataError(
            f'{path} has a column without a name (its header: {named}): name it, or leave it out; '
            'pandas writes none with to_csv(index=False)'
        )
    if len(set(found)) < len(found) or not found or date in found:
        raise DataError(
            f'{path} needs columns of numbers with one name each beside the times {date!r}, and '
            f'has or is asked for {", ".join(map(repr, found)) or "none"}'
        )
    return found


def _time(text: str, where: str) -> datetime:
    try:
        return read_time(text)
    except ValueError as error:
        raise DataError(
            f'{where} has the time {text!r}: write it as 2016-07-01 or 2016-07-01 13:00:00, in '
            'whole seconds'
        ) from error


def _numbers(cells: list[str], columns: tuple[str, ...], where: str) -> np.ndarray:
    try:
        row = np.array([float(cell) for cell in cells])
    except ValueError:
        row = np.array([np.nan])
    if '_' in ''.join(cells):  # which float() takes for a separator of thousands
        row = np.array([np.nan])
    if np.isfinite(row).all():
        return row
    raise DataError(f'{where} {next(_faults(cells, columns))}')


def _faults(cells: list[str], columns: tuple[str, ...]) -> Iterator[str]:
    for cell, name in zip(cells, columns, strict=True):
        try:
            if np.isfinite(float(cell)) and '_' not in cell:
                continue
        except ValueError:
            pass
        if cell.strip().lower() in MISSING:
            yield (
                f'has no value of {name!r}: fill it (with the value before it, or between its '
                'neighbours), or leave the column out of columns'
            )
        else:
            yield (
                f'has {cell!r} for {name!r}, which is no finite number: leave the column out of '
                'columns, or mend the cell'
            )
