"""Scores over the severity of corruptions, as curves."""

from collections.abc import Sequence
from statistics import mean

from matplotlib import colormaps
from matplotlib.figure import Figure

from heracles_mm.robustness.corruption_scores import CLEAN, Condition, CorruptionScores


def plot_scores(scores: CorruptionScores, tests: Sequence[Condition], metric: str) -> Figure:
    """One line from the clean score for each corruption, and their mean in black."""
    figure = Figure(figsize=(8, 4.8), layout='constrained')
    axes = figure.add_subplot()
    names = list(dict.fromkeys(test.corruption for test in tests))
    severities = sorted({test.severity for test in tests})
    lines = [[scores.value(Condition(name, each), metric) for each in severities] for name in names]
    clean = scores.value(CLEAN, metric)
    for name, line, colour in zip(names, lines, map(colormaps['tab20'], range(20))):
        axes.plot([0, *severities], [clean, *line], '.-', color=colour, lw=1, label=name)
    means = [mean(column) for column in zip(*lines, strict=True)]
    axes.plot([0, *severities], [clean, *means], 'o-', color='black', lw=2, label='mean')
    axes.set(xlabel='severity (0: clean)', ylabel=metric, xticks=[0, *severities])
    axes.grid(alpha=0.3)
    figure.legend(loc='outside right center', fontsize=8)
    return figure
