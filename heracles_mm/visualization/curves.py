"""Scalars over training steps."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

Curves = Mapping[str, Sequence[tuple[float, float]]]
"""Name -> (step, value) in order."""

MARKED = 40
"""Points of a curve that are still marked one by one."""


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
