"""Rows as tables, as CSV and as JSON."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from matplotlib.figure import Figure
from rich.table import Table

from heracles_mm.benchmark.cell import Cell, Row
from heracles_mm.visualization.costs import plot_costs

UNITS = {'memory': ('MiB', 1 / 2**20)}
MILLISECONDS = ('ms', 1e3)
COLUMNS = (
    'model', 'size', 'batch', 'pixels', 'dtype', 'mode', 'what', 'unit', 'q1', 'median', 'q3',
    'rounds', 'images_per_s', 'ratio_q1', 'ratio', 'ratio_q3', 'gmacs', 'matmul_share',
)  # fmt: skip
"""Of the CSV; ``ratio`` is the median of the per-round ratios to the baseline."""


def cell_table(cell: Cell, rows: Sequence[Row], baseline: str) -> Table:
    """Everything measured in one cell."""
    table = _table(str(cell))
    for name in ('', 'model'):
        table.add_column(name, no_wrap=True)
    for name in ('median', 'quartiles', '', f'x {baseline}', 'img/s', 'GMAC', 'of matmul rate'):
        table.add_column(name, justify='right', no_wrap=name != 'of matmul rate')
    shown = ''
    for row in rows:
        unit, factor = UNITS.get(row.what, MILLISECONDS)
        q1, median, q3 = (f'{value * factor:.4g}' for value in row.value)
        if row.what != shown:
            table.add_section()
        table.add_row(
            '' if row.what == shown else row.what,
            row.model,
            median,
            '' if row.what == 'memory' else f'{q1} - {q3}',
            unit,
            f'{row.ratio.median:.3f}',
            _or_nothing(row.images_per_second, '.3g'),
            f'{row.macs / 1e9:.3g}' if row.macs else '',
            f'{row.matmul_share:.0%}' if row.matmul_share else '',
        )
        shown = row.what
    return table


def ratio_tables(rows: Sequence[Row], baseline: str) -> Iterable[Table]:
    """Per kind of measurement: models down, sizes across, ratios to the baseline inside."""
    for (what, dtype, mode), group in _grouped(rows).items():
        sizes = list(dict.fromkeys(row.size.name for row in group))
        table = _table(f'{what}, {dtype}, {mode}: ratio to {baseline}')
        table.add_column('model', no_wrap=True)
        for size in sizes:
            table.add_column(size, justify='right', no_wrap=True)
        found = {(row.model, row.size.name): f'{row.ratio.median:.3f}' for row in group}
        for model in dict.fromkeys(row.model for row in group):
            table.add_row(model, *(found[model, size] for size in sizes))
        yield table


def growth_tables(rows: Sequence[Row]) -> Iterable[Table]:
    """Per kind of timing and batch with several sizes: growth of the median over growth of the
    pixels, from the smallest size on. 1 means that time grows as the pixels do."""
    timed = [row for row in rows if row.what != 'memory']
    for (what, dtype, mode), group in _grouped(timed).items():
        for series in dict.fromkeys(row.size.series for row in group):
            same = sorted(
                (row for row in group if row.size.series == series),
                key=lambda row: row.size.pixels,
            )
            sizes = list(dict.fromkeys(row.size for row in same))
            if len(sizes) < 2:
                continue
            first = sizes[0]
            table = _table(
                f'{what}, {dtype}, {mode}: growth of time from {first.name} over growth of pixels'
            )
            table.add_column('model', no_wrap=True)
            for size in sizes[1:]:
                table.add_column(size.name, justify='right', no_wrap=True)
            found = {(row.model, row.size): row.value.median for row in same}
            for model in dict.fromkeys(row.model for row in group):
                growths = (
                    found[model, size] / found[model, first] * first.pixels / size.pixels
                    for size in sizes[1:]
                )
                table.add_row(model, *(f'{growth:.3f}' for growth in growths))
            yield table


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """One line per row, in the columns of ``COLUMNS``."""
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in rows:
            unit, factor = UNITS.get(row.what, MILLISECONDS)
            writer.writerow(
                [
                    row.model,
                    row.size.name,
                    row.size.batch,
                    row.size.pixels,
                    row.dtype,
                    row.mode,
                    row.what,
                    unit,
                    *(f'{value * factor:.6g}' for value in row.value),
                    len(row.rounds),
                    _or_nothing(row.images_per_second, '.6g'),
                    *(f'{value:.6g}' for value in row.ratio),
                    _or_nothing(row.macs and row.macs / 1e9, '.6g'),
                    _or_nothing(row.matmul_share, '.6g'),
                ]
            )


def write_json(path: Path, rows: Sequence[Row], about: dict[str, object]) -> None:
    """``about`` (machine, settings, how each candidate is built) and every row with its rounds."""
    path.write_text(json.dumps({**about, 'rows': [asdict(row) for row in rows]}, indent=1) + '\n')


def plot(rows: Sequence[Row], title: str) -> Figure:
    """Time or memory against pixels, a panel per kind of measurement."""
    panels = {}
    for (what, dtype, mode), group in _grouped(rows).items():
        unit, factor = UNITS.get(what, MILLISECONDS)
        lines: dict[str, dict[str, list[tuple[int, float]]]] = {}
        for row in sorted(group, key=lambda row: row.size.pixels):
            points = lines.setdefault(row.model, {}).setdefault(row.size.series, [])
            points.append((row.size.pixels, row.value.median * factor))
        panels[f'{what}, {dtype}, {mode}'] = (unit, lines)
    return plot_costs(panels, title)


def _table(title: str) -> Table:
    return Table(title=title, title_justify='left', min_width=len(title))


def _grouped(rows: Sequence[Row]) -> dict[tuple[str, str, str], list[Row]]:
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.what, row.dtype, row.mode), []).append(row)
    return groups


def _or_nothing(value: float | None, form: str) -> str:
    return '' if value is None else format(value, form)
