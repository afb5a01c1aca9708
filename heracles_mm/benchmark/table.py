"""Rows as tables, CSV, JSON and a picture."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Group
from rich.table import Table
from rich.text import Text

from heracles_mm.benchmark.cell import MEMORY, Cell, Row
from heracles_mm.visualization import plot_costs

UNITS = {MEMORY: ('MiB', 1 / 2**20)}
MILLISECONDS = ('ms', 1e3)


def cell_table(cell: Cell, rows: Sequence[Row]) -> Group:
    """Everything measured in one cell, with the ratio to the first baseline."""
    baseline = next(iter(rows[0].ratios))
    table = _table('', 'model')
    for name in ('median', 'quartiles', f'/ {baseline}', 'img/s', 'GMAC', '% of matmul'):
        _add_numbers(table, name)
    shown, rates = '', {}
    for row in rows:
        unit, factor = UNITS.get(row.what, MILLISECONDS)
        q1, median, q3 = (_digits(value * factor) for value in row.value)
        if row.what != shown:
            table.add_section()
        table.add_row(
            '' if row.what == shown else f'{row.what}, {unit}',
            row.model,
            median,
            f'{q1} - {q3}' if row.rounds else '',
            f'{row.ratios[baseline].median:.3f}',
            _or_nothing(row.images_per_second, '.3g'),
            f'{row.macs / 1e9:.3g}' if row.macs else '',
            f'{row.matmul_share * 100:.0f}' if row.matmul_share else '',
        )
        shown = row.what
        if row.matmul_rate:
            rates[row.what] = f'{row.matmul_rate / 1e9:.4g} GFLOP/s during {row.what}'
    below = f'Matmul: {", ".join(rates.values())}' if rates else ''
    return _titled(str(cell), table, below)


def ratio_tables(rows: Sequence[Row]) -> Iterable[Group]:
    """Per kind of measurement and baseline: models down, sizes across, ratios inside."""
    for kind, group in _by_kind(rows).items():
        sizes = list(dict.fromkeys(row.size.name for row in group))
        for baseline in rows[0].ratios:
            found = {(r.model, r.size.name): f'{r.ratios[baseline].median:.3f}' for r in group}
            table = _matrix(sizes, {m: [found[m, size] for size in sizes] for m in _models(group)})
            yield _titled(f'{kind}: ratio to {baseline}', table)


def growth_tables(rows: Sequence[Row]) -> Iterable[Group]:
    """Per kind of timing and series of sizes: growth of the median over growth of the pixels, from
    the smallest size on. 1 means that time grows as the pixels do."""
    for kind, group in _by_kind([row for row in rows if row.what != MEMORY]).items():
        for series in dict.fromkeys(row.size.series for row in group):
            sizes = sorted(
                {row.size for row in group if row.size.series == series},
                key=lambda size: size.pixels,
            )
            if len(sizes) < 2:
                continue
            first, *larger = sizes
            found = {(row.model, row.size): row.value.median for row in group}
            table = _matrix(
                [size.name for size in larger],
                {
                    m: [
                        f'{found[m, size] / found[m, first] * first.pixels / size.pixels:.3f}'
                        for size in larger
                    ]
                    for m in _models(group)
                },
            )
            title = f'{kind}: growth of time from {first.name} over growth of pixels'
            yield _titled(title, table)


def plot(rows: Sequence[Row], title: str) -> Figure:
    """Time or memory against pixels, a panel per kind of measurement."""
    panels = {}
    for kind, group in _by_kind(rows).items():
        unit, factor = UNITS.get(group[0].what, MILLISECONDS)
        lines: dict[str, dict[str, list[tuple[int, float]]]] = {}
        for row in sorted(group, key=lambda row: row.size.pixels):
            points = lines.setdefault(row.model, {}).setdefault(row.size.series, [])
            points.append((row.size.pixels, row.value.median * factor))
        panels[kind] = (unit, {model: lines[model] for model in _models(group)})
    return plot_costs(panels, title)


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """One line per row. The columns ``x_NAME`` are median (q1, q3) of the ratios to a baseline."""
    with path.open('w', newline='') as file:
        lines = [_flat(row) for row in rows]
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(lines)


def write_json(path: Path, rows: Sequence[Row], about: dict) -> None:
    """``about`` (machine, settings, how each candidate is built) and every row with its rounds."""
    path.write_text(json.dumps({**about, 'rows': [asdict(row) for row in rows]}, indent=1) + '\n')


def _flat(row: Row) -> dict[str, object]:
    unit, factor = UNITS.get(row.what, MILLISECONDS)
    q1, median, q3 = (f'{value * factor:.6g}' for value in row.value)
    line: dict[str, object] = {
        'model': row.model,
        'size': row.size.name,
        'batch': row.size.batch,
        'pixels': row.size.pixels,
        'dtype': row.dtype,
        'mode': row.mode,
        'what': row.what,
        'unit': unit,
        'q1': q1,
        'median': median,
        'q3': q3,
        'rounds': len(row.rounds),
        'images_per_s': _or_nothing(row.images_per_second, '.6g'),
        'gmacs': _or_nothing(row.macs and row.macs / 1e9, '.6g'),
        'matmul_share': _or_nothing(row.matmul_share, '.6g'),
        'matmul_gflops': _or_nothing(row.matmul_rate and row.matmul_rate / 1e9, '.6g'),
    }
    for baseline, ratio in row.ratios.items():
        line[f'x_{baseline}'] = f'{ratio.median:.6g}'
        line[f'x_{baseline}_q1'] = f'{ratio.q1:.6g}'
        line[f'x_{baseline}_q3'] = f'{ratio.q3:.6g}'
    return line


def _by_kind(rows: Sequence[Row]) -> dict[str, list[Row]]:
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        kinds.setdefault(f'{row.what}, {row.dtype}, {row.mode}', []).append(row)
    return kinds


def _models(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.model for row in rows))


def _matrix(columns: Sequence[str], lines: dict[str, list[str]]) -> Table:
    table = _table('model')
    for name in columns:
        _add_numbers(table, name)
    for model, cells in lines.items():
        table.add_row(model, *cells)
    return table


def _table(*columns: str) -> Table:
    table = Table()
    for name in columns:
        table.add_column(name, overflow='fold')
    return table


def _add_numbers(table: Table, name: str) -> None:
    table.add_column(name, justify='right', overflow='fold')  # a narrow terminal hides no digit


def _titled(title: str, table: Table, below: str = '') -> Group:
    """Not rich's own title, which is broken to the width of the table."""
    return Group('', Text(title, style='bold'), table, *([below] if below else []))


def _digits(value: float) -> str:
    return f'{value:.4g}' if value < 1e4 else f'{value:.0f}'


def _or_nothing(value: float | None, form: str) -> str:
    return '' if value is None else format(value, form)
