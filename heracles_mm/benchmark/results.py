"""Rows as tables, CSV, JSON and a picture."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from heracles_mm.benchmark.cell import Cell, Row
from heracles_mm.benchmark.workloads import MEMORY
from heracles_mm.visualization.costs import plot_costs

UNITS = {MEMORY: ('MiB', 1 / 2**20)}
MILLISECONDS = ('ms', 1e3)


def cell_table(cell: Cell, rows: Sequence[Row]) -> Group:
    """Everything measured in one cell, with the ratio to the first baseline."""
    baseline = next(iter(rows[0].ratios))
    numbers = ('median', 'quartiles', f'/ {baseline}', 'img/s', 'GMAC', '% of matmul')
    table = _table(['', 'model'], numbers)
    rates = []
    for what, group in _grouped(rows, lambda row: row.what).items():
        unit, factor = UNITS.get(what, MILLISECONDS)
        table.add_section()
        for row in group:
            q1, median, q3 = (_digits(value * factor) for value in row.value)
            table.add_row(
                f'{what}, {unit}' if row is group[0] else '',
                row.model,
                median,
                f'{q1} - {q3}' if row.rounds else '',
                f'{row.ratios[baseline].median:.3f}',
                f'{row.images_per_second:.3g}' if row.images_per_second else '',
                f'{row.macs / 1e9:.3g}' if row.macs else '',
                f'{row.matmul_share * 100:.0f}' if row.matmul_share else '',
            )
        if rate := group[0].matmul_rate:
            rates.append(f'{rate / 1e9:.4g} GFLOP/s during {what}')
    return _titled(str(cell), table, *([f'Matmul: {", ".join(rates)}'] if rates else []))


def ratio_tables(rows: Sequence[Row]) -> Iterable[Group]:
    """Per kind of measurement and baseline: models down, sizes across, ratios inside."""
    for kind, group in _by_kind(rows).items():
        for baseline in rows[0].ratios:
            found = {(r.model, r.size.name): f'{r.ratios[baseline].median:.3f}' for r in group}
            yield _matrix(f'{kind}: ratio to {baseline}', found)


def growth_tables(rows: Sequence[Row]) -> Iterable[Group]:
    """Per kind of timing and series of sizes: growth of the median over growth of the pixels, from
    the smallest size on. 1 means that time grows as the pixels do."""
    for kind, group in _by_kind([row for row in rows if row.what != MEMORY]).items():
        for series in _grouped(group, lambda row: row.size.series).values():
            series = sorted(series, key=lambda row: row.size.pixels)
            first = series[0].size
            times = {(row.model, row.size): row.value.median / row.size.pixels for row in series}
            found = {
                (model, size.name): f'{time / times[model, first]:.3f}'
                for (model, size), time in times.items()
                if size != first
            }
            if found:
                yield _matrix(
                    f'{kind}: growth of time from {first.name} over growth of pixels', found
                )


def plot(rows: Sequence[Row], title: str) -> Figure:
    """Time or memory against pixels, a panel per kind of measurement."""
    panels = {}
    for kind, group in _by_kind(rows).items():
        unit, factor = UNITS.get(group[0].what, MILLISECONDS)
        lines: dict[str, dict[str, list[tuple[int, float]]]] = {row.model: {} for row in group}
        for row in sorted(group, key=lambda row: row.size.pixels):
            points = lines[row.model].setdefault(row.size.series, [])
            points.append((row.size.pixels, row.value.median * factor))
        panels[kind] = (unit, lines)
    return plot_costs(panels, title)


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """One line per row. The columns ``x_NAME`` are median (q1, q3) of the ratios to a baseline."""
    with path.open('w', newline='') as file:
        writer = csv.DictWriter(file, _flat(rows[0]))
        writer.writeheader()
        for row in rows:
            values = _flat(row).items()
            writer.writerow({k: f'{v:.6g}' if isinstance(v, float) else v for k, v in values})


def write_json(path: Path, rows: Sequence[Row], about: dict) -> None:
    """``about`` (machine, settings, how each candidate is built) and every row with its rounds."""
    path.write_text(json.dumps({**about, 'rows': [asdict(row) for row in rows]}, indent=1) + '\n')


def _flat(row: Row) -> dict[str, object]:
    unit, factor = UNITS.get(row.what, MILLISECONDS)
    size = row.size
    line: dict[str, object] = dict(model=row.model, size=size.name, batch=size.shape[0])
    line |= dict(pixels=size.pixels, dtype=row.dtype, mode=row.mode, what=row.what, unit=unit)
    line |= {name: value * factor for name, value in row.value._asdict().items()}
    line |= dict(rounds=len(row.rounds), images_per_s=row.images_per_second)
    line |= dict(gmacs=row.macs and row.macs / 1e9, matmul_share=row.matmul_share)
    line |= dict(matmul_gflops=row.matmul_rate and row.matmul_rate / 1e9)
    for name, (q1, median, q3) in row.ratios.items():
        line |= {f'x_{name}': median, f'x_{name}_q1': q1, f'x_{name}_q3': q3}
    return line


def _grouped(rows: Sequence[Row], key: Callable[[Row], str]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def _by_kind(rows: Sequence[Row]) -> dict[str, list[Row]]:
    return _grouped(rows, lambda row: f'{row.what}, {row.dtype}, {row.mode}')


def _matrix(title: str, cells: Mapping[tuple[str, str], str]) -> Group:
    """Of (model, size) -> text: models down, sizes across."""
    models, sizes = (list(dict.fromkeys(names)) for names in zip(*cells, strict=True))
    table = _table(['model'], sizes)
    for model in models:
        table.add_row(model, *(cells[model, size] for size in sizes))
    return _titled(title, table)


def _table(words: Sequence[str], numbers: Sequence[str]) -> Table:
    """With columns that fold: a narrow terminal hides no digit."""
    return Table(
        *(Column(name, overflow='fold') for name in words),
        *(Column(name, overflow='fold', justify='right') for name in numbers),
    )


def _titled(title: str, table: Table, *below: str) -> Group:
    """Not rich's own title, which is broken to the width of the table."""
    return Group('', Text(title, style='bold'), table, *below)


def _digits(value: float) -> str:
    return f'{value:.4g}' if value < 1e4 else f'{value:.0f}'
