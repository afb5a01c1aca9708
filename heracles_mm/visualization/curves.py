"""Scalars over training steps."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure


def plot_curves(curves: Mapping[str, Sequence[tuple[float, float]]], ylabel: str) -> Figure:
    """One line per named curve of (step, value) points; the last value stands beside its end."""
    figure = Figure(figsize=(7, 4.5), layout='constrained')
    axes = figure.add_subplot()
    for name, points in curves.items():
        steps, values = zip(*points, strict=True)
        (line,) = axes.plot(steps, values, marker='o', label=name)
        axes.annotate(
            f'{values[-1]:.3f}',
            (steps[-1], values[-1]),
            xytext=(6, 0),
            textcoords='offset points',
            va='center',
            color=line.get_color(),
        )
    axes.set(xlabel='training step', ylabel=ylabel, ylim=(0, None))
    axes.margins(x=0.1)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
