"""Scores over the severity of corruptions, as curves."""

from itertools import cycle, product
from statistics import mean

from matplotlib import colormaps
from matplotlib.figure import Figure

from heracles_mm.robustness.corruption_scores import CLEAN, CorruptionScores


def plot_scores(scores: CorruptionScores, metric: str) -> Figure:
    """One line from the clean score for each corruption, and in black their mean where all of them
    have a score; marks and dashes differ, so that lines in one place can be seen."""
    figure = Figure(figsize=(8, 4.8), layout='constrained')
    axes = figure.add_subplot()
    clean = scores.value(CLEAN, metric)
    lines: dict[str, dict[int, float]] = {}
    for test in sorted(test for test in scores.metrics if test != CLEAN):
        values = lines.setdefault(test.corruption, {0: clean})
        values[test.severity] = scores.value(test, metric)
    shared = sorted(set.intersection(*map(set, lines.values())))
    means = {at: mean(line[at] for line in lines.values()) for at in shared}
    axes.plot(*zip(*means.items()), color='black', lw=2.5, label='mean')
    styles = cycle(product('osv^D', ('-', '--', ':')))
    for (name, line), colour, (mark, dash) in zip(
        lines.items(), map(colormaps['tab20'], range(20)), styles
    ):
        (drawn,) = axes.plot(*zip(*line.items()), color=colour, lw=1.2, label=name)
        drawn.set(marker=mark, linestyle=dash, markerfacecolor='none', markersize=5)
    severities = sorted({at for line in lines.values() for at in line})
    axes.set(xlabel='severity (0: clean)', ylabel=metric, xticks=severities)
    axes.grid(alpha=0.3)
    figure.legend(loc='outside right center', fontsize=8)
    return figure
