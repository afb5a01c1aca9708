"""Estimates as tables and as plain data."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from heracles_mm.roofline.comparison import Compared, Pass, largest_error
from heracles_mm.roofline.devices import Device
from heracles_mm.roofline.estimate import Share, operations, seconds_of, shares
from heracles_mm.roofline.launches import KINDS, Launch

KEYS: dict[str, Callable[[Launch], str]] = {
    'module': lambda launch: re.sub(r'\.\d+(?=\.|$)', '.*', launch.module) or '(no module)',
    'operator': lambda launch: launch.name,
    'kind': lambda launch: f'{KINDS[launch.kind]}, {str(launch.dtype).removeprefix("torch.")}',
}
"""By what the parts of a pass are shown; blocks of a stage count together."""

MOST_ROWS = 25


def totals(launches: Sequence[Launch], devices: Sequence[Device]) -> dict:
    """Of a pass: kernels, operations by dtype, bytes, seconds on each device."""
    by_dtype: dict[str, int] = {}
    for launch in launches:
        dtype = str(launch.dtype).removeprefix('torch.')
        by_dtype[dtype] = by_dtype.get(dtype, 0) + operations(launch)
    return {
        'kernels': sum(launch.kernels for launch in launches),
        'operations': {dtype: number for dtype, number in by_dtype.items() if number},
        'bytes': sum(launch.bytes for launch in launches),
        'seconds': {device.name: sum(seconds_of(launches, device)) for device in devices},
    }


def parts(launches: Sequence[Launch], device: Device) -> dict[str, dict[str, Share]]:
    """The parts of a pass on a device, by each of :data:`KEYS`."""
    times = seconds_of(launches, device)
    return {name: shares(launches, times, key) for name, key in KEYS.items()}


def totals_table(
    title: str, rows: Mapping[str, dict], devices: Sequence[Device], baseline: str
) -> Group:
    """A cell: models down; ratios to ``baseline``, or the first model where it is not."""
    base = rows.get(baseline) or next(iter(rows.values()))
    table = _table('model', 'kernels', 'Gop by dtype', 'GB')
    for device in devices:
        table.add_column(f'{device.name}, ms', justify='right')
        table.add_column('ratio', justify='right')
    for model, row in rows.items():
        seconds = row['seconds']
        dtypes = ', '.join(f'{n / 1e9:.4g} {dtype}' for dtype, n in row['operations'].items())
        times = (
            text
            for name in (device.name for device in devices)
            for text in (
                f'{seconds[name] * 1e3:.3g}',
                f'{seconds[name] / base["seconds"][name]:.2f}',
            )
        )
        table.add_row(model, f'{row["kernels"]}', dtypes, f'{row["bytes"] / 1e9:.3g}', *times)
    return _titled(title, table)


def parts_table(title: str, name: str, found: Mapping[str, Share]) -> Group:
    """The parts of a pass, the longest first."""
    whole = sum(share.seconds for share in found.values())
    table = _table(name, 'kernels', 'Gop', 'MB', 'µs', '%')
    for part, share in list(found.items())[:MOST_ROWS]:
        table.add_row(
            part,
            f'{share.kernels}',
            f'{share.operations / 1e9:.3g}',
            f'{share.bytes / 1e6:.3g}',
            f'{share.seconds * 1e6:.4g}',
            f'{share.seconds / whole * 100:.0f}',
        )
    return _titled(f'{title}, by {name}', table)


def comparison_table(cell: str, device: Device, rows: Sequence[Compared]) -> Group:
    """Measured beside estimated, in milliseconds and as ratios, and how far the ratios are off."""
    numbers = 'measured, ms', 'estimated, ms', 'measured ratio', 'estimated ratio', 'est. / meas.'
    table = _table('model', *numbers)
    for row in rows:
        times = (f'{seconds * 1e3:.4g}' for seconds in (row.measured, row.estimated))
        ratios = (f'{r:.2f}' for r in (row.measured_ratio, row.estimated_ratio, row.error))
        table.add_row(row.model, *times, *ratios)
    worst = largest_error(rows)
    line = f'Between any two models the estimated ratio is off by at most {worst - 1:.0%}.'
    return _titled(f'{cell}: {device.name} against measurement', table, line)


def as_data(each: Pass, row: dict, by: Mapping[str, Mapping[str, Share]] | None) -> dict:
    """A pass for JSON."""
    found = {key: {name: asdict(s) for name, s in part.items()} for key, part in (by or {}).items()}
    return {**asdict(each), **row, 'parts': found}


def _table(first: str, *numbers: str) -> Table:
    columns = (Column(name, overflow='fold', justify='right') for name in numbers)
    return Table(Column(first, overflow='fold'), *columns)


def _titled(title: str, table: Table, *below: str) -> Group:
    return Group('', Text(title, style='bold'), table, *below)
