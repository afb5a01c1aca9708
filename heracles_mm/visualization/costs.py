"""Time or memory against pixels."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

Lines = Mapping[str, Mapping[int, Sequence[tuple[int, float]]]]
"""Model -> batch -> (pixels of the whole batch, value) in order of pixels."""

BATCH_MARKERS = 'os^Dv'


def plot_costs(panels: Mapping[str, tuple[str, Lines]], title: str) -> Figure:
    """One log-log panel per entry, of a label for the y axis and a line per model and batch.

    A model keeps its colour; each batch size has a marker.
    """
    figure = Figure(figsize=(6.4 * len(panels), 5), layout='constrained')
    figure.suptitle(title)
    for axes, (name, (ylabel, lines)) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        batches = sorted({batch for points in lines.values() for batch in points})
        markers = dict(zip(batches, BATCH_MARKERS * len(batches)))
        for index, (model, by_batch) in enumerate(lines.items()):
            for batch, points in by_batch.items():
                axes.plot(
                    *zip(*points, strict=True),
                    marker=markers[batch],
                    color=f'C{index % 10}',
                    linestyle='-' if index < 10 else '--',
                    label=model if batch == batches[0] else None,
                )
        for batch in batches if len(batches) > 1 else ():
            axes.plot([], [], markers[batch], color='grey', label=f'batch {batch}')
        axes.set(xscale='log', yscale='log', xlabel='pixels of the batch', ylabel=ylabel)
        axes.set_title(name, fontsize='medium')
        axes.grid(alpha=0.3, which='both')
        axes.legend()
    return figure
