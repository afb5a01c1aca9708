"""Scalars over training steps: read from what mmengine's local log backend wrote, and drawn."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from heracles_mm.errors import UsageError

Curves = Mapping[str, Sequence[tuple[float, float]]]
"""Name -> (step, value) in order."""

MARKED = 40
"""Points of a curve that are still marked one by one."""


def find_scalars(run: Path) -> Path:
    """The newest ``vis_data/scalars.json`` of a work folder or a folder inside it.

    Raises:
        ValueError: there is none.
    """
    if run.is_file():
        return run
    found = sorted(run.rglob('vis_data/scalars.json'))  # mmengine names folders by their time
    if not found:
        raise UsageError(f'{run} holds no vis_data/scalars.json: name the work folder of a run')
    return found[-1]


def read_scalars(path: Path, name: str) -> list[tuple[int, float]]:
    """The values of one scalar in a ``vis_data/scalars.json``, as (step, value) in order.

    Raises:
        ValueError: the file holds no such scalar; the message names those it holds.
    """
    rows = _rows(path)
    values = [(row['step'], row[name]) for row in rows if name in row]
    if not values:
        names = sorted({key for row in rows for key in row} - {'step', 'epoch', 'iter'})
        raise UsageError(f'{path} holds no scalar {name!r}, only {", ".join(names) or "nothing"}')
    return values


def counts_epochs(path: Path, name: str) -> bool:
    """Whether the steps of a scalar are epochs: what is measured after epochs is logged so."""
    rows = _rows(path)
    by_epoch = any('epoch' in row for row in rows)
    return by_epoch and not any('iter' in row for row in rows if name in row)


def plot_curves(curves: Curves, ylabel: str) -> Figure:
    """One line per named curve of (step, value) points; the legend gives each its last value."""
    figure = Figure(figsize=(7, 4.5), layout='constrained')
    axes = figure.add_subplot()
    _draw(axes, curves)
    axes.set(xlabel='training step', ylabel=ylabel, ylim=(0, None))
    return figure


def plot_runs(panels: Mapping[str, tuple[str, Curves]]) -> Figure:
    """A panel for each scalar, a line in it for each run; a run keeps its colour.

    Args:
        panels: scalar -> (what its steps count, run -> curve).
    """
    figure = Figure(figsize=(5.2 * len(panels), 3.9), layout='constrained')
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (scalar, (unit, curves)) in zip(row, panels.items(), strict=True):
        _draw(axes, curves)
        axes.set(xlabel=unit, title=scalar)
    return figure


def _draw(axes: Axes, curves: Curves) -> None:
    for name, points in curves.items():
        steps, values = zip(*points, strict=True)
        marker = 'o' if len(points) <= MARKED else ''
        axes.plot(steps, values, marker=marker, label=f'{name}: {values[-1]:.3f}')
    axes.grid(alpha=0.3)
    axes.legend()


def _rows(path: Path) -> list[dict]:
    try:
        return [json.loads(line) for line in path.read_text().splitlines()]
    except (OSError, ValueError) as error:
        raise UsageError(f'{path} cannot be read as lines of scalars: {error}') from error
