"""Scalars over training steps."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure


def plot_curves(curves: Mapping[str, Sequence[tuple[float, float]]], ylabel: str) -> Figure:
    """One line per named curve of (step, value) points; the legend gives each its last value."""
    figure = Figure(figsize=(7, 4.5), layout='constrained')
    axes = figure.add_subplot()
    for name, points in curves.items():
        steps, values = zip(*points, strict=True)
        axes.plot(steps, values, marker='o', label=f'{name}: {values[-1]:.3f}')
    axes.set(xlabel='training step', ylabel=ylabel, ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
