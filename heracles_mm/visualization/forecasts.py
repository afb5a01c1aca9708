"""Forecasts behind the last days of their series."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

MOST_PANELS = 12


def plot_forecast(
    times: np.ndarray,
    values: np.ndarray,
    columns: Sequence[str],
    future: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
) -> Figure:
    """A panel for each of the first columns: what was, and each named forecast of what comes,
    the first above the others, which are dashed and wider.

    Args:
        times: of the rows shown, (rows,), datetime64.
        values: (rows, columns).
        columns: their names.
        future: the times of the forecasts, (horizon,).
        forecasts: name -> (horizon, columns), in the units of ``values``.
    """
    names = columns[:MOST_PANELS]
    figure = Figure(figsize=(9, 1.7 * len(names) + 0.6), layout='constrained')
    panels = figure.subplots(len(names), 1, squeeze=False, sharex=True)[:, 0]
    for i, (axes, name) in enumerate(zip(panels, names, strict=True)):
        axes.plot(times, values[:, i], color='0.3', lw=1, label='series')
        for style, (label, forecast) in enumerate(forecasts.items()):
            x = np.concatenate((times[-1:], future))
            y = np.concatenate((values[-1:, i], forecast[:, i]))
            line, width, over = ('--', 2.4, 2) if style else ('-', 1.2, 3)
            axes.plot(x, y, line, color=f'C{style}', lw=width, zorder=over, label=label)
        axes.axvline(times[-1], color='0.8', lw=0.8, zorder=0)
        axes.set_ylabel(name, fontsize=8)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
    handles = panels[0].get_lines()[: len(forecasts) + 1]
    figure.legend(handles=handles, fontsize=7, loc='outside upper center', ncols=len(handles))
    return figure
