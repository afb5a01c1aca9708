"""Time or memory against pixels."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

Lines = Mapping[str, Mapping[str, Sequence[tuple[int, float]]]]
"""Model -> series, such as 'batch 1' -> (pixels of the whole batch, value) in order of pixels."""

MARKERS = 'os^Dv'


def plot_costs(panels: Mapping[str, tuple[str, Lines]], title: str) -> Figure:
    """One log-log panel per entry, of a label for the y axis and a line per model and series.

    A model keeps its colour, a series its marker.
    """
    figure = Figure(figsize=(5.5 * len(panels) + 2, 4.5), layout='constrained')
    figure.suptitle(title, fontsize='medium')
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (name, (ylabel, lines)) in zip(row, panels.items(), strict=True):
        series = sorted({name for by_series in lines.values() for name in by_series})
        markers = dict(zip(series, MARKERS * len(series)))
        for index, (model, by_series) in enumerate(lines.items()):
            style = dict(color=f'C{index % 10}', linestyle='-' if index < 10 else '--')
            for label, points in by_series.items():
                name_once = model if label == series[0] else None
                axes.plot(*zip(*points), marker=markers[label], label=name_once, **style)
        for label in series if len(series) > 1 else ():
            axes.plot([], [], markers[label], color='black', label=label)
        axes.set(xscale='log', yscale='log', xlabel='pixels of the batch', ylabel=ylabel)
        axes.set_title(name)
        axes.grid(alpha=0.3, which='both')
    figure.legend(*axes.get_legend_handles_labels(), loc='outside right center')
    return figure
