"""What the scripts of this folder share: options, a line about the machine, rounds, curves."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

import torch
from matplotlib.figure import Figure

from heracles_mm.benchmark.machine import environment
from heracles_mm.benchmark.timing import Budget, Quartiles, interleave, ratio
from heracles_mm.benchmark.workloads import Call
from heracles_mm.visualization import plot_curves

Points = list[tuple[int, float]]  # (step, value)

BEYOND, WITHIN = 'beyond the spread of seeds', 'within the spread of seeds'
FEW = 'fewer than three seeds'


def options(doc: str | None, **defaults: object) -> argparse.Namespace:
    """The command line's: one option of each default's type, several values of a list, a flag of
    False."""
    kind = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=doc, formatter_class=kind)
    for name, default in defaults.items():
        settings: dict = {'type': type(default), 'default': default}
        if isinstance(default, list):
            settings |= dict(nargs='+', type=type(default[0]))
        elif default is False:
            settings = dict(action='store_true')
        parser.add_argument(f'--{name.replace("_", "-")}', help='default: %(default)s', **settings)
    return parser.parse_args()


def machine() -> str:
    """What the figures below it were taken on."""
    about = environment(torch.device('cpu'))
    return f'torch {about["torch"]}, {about["cpu"]}, CPU threads: {about["threads"]}'


def log(step: str) -> None:
    """Write to stderr what begins."""
    print(f'{Path(sys.argv[0]).stem}: {step}', file=sys.stderr, flush=True)


def compare(
    calls: Mapping[str, Call], rounds: int, baseline: str
) -> dict[str, tuple[float, Quartiles]]:
    """Let calls take turns in rounds, after one that is not counted: name -> median, ms, and the
    time over that of ``baseline`` in the same round."""
    times = interleave(calls, Budget(rounds, 0, rounds), seed=0)
    base = times[baseline]
    return {name: (median(found) * 1e3, ratio(found, base)) for name, found in times.items()}


def mean_and_range(values: Sequence[float]) -> str:
    """Such as '77.8 (77.1 to 78.2)', of one value itself."""
    spread = f' ({min(values):.1f} to {max(values):.1f})' if len(values) > 1 else ''
    return f'{mean(values):.1f}{spread}'


def spread(ours: Sequence[float], its: Sequence[float]) -> str:
    """Whether two models are apart: the worst seed of one is better than the best of the other.

    Three seeds each are the least: of two against two, one pair in three is apart by chance.
    """
    if min(len(ours), len(its)) < 3:
        return FEW
    return BEYOND if min(ours) > max(its) or max(ours) < min(its) else WITHIN


def runs_and_hours(runs: Sequence[Mapping[str, Any]]) -> str:
    """Such as '45 runs, 6 hours'; each has ``seconds``."""
    return f'{len(runs)} runs, {sum(one["seconds"] for one in runs) / 3600:.0f} hours'


def mean_curve(runs: list[Points]) -> Points:
    """Of runs that were looked at after the same steps."""
    return [(points[0][0], mean(value for _, value in points)) for points in zip(*runs)]


def save_curves(curves: Mapping[str, Points], ylabel: str, picture: Path) -> None:
    """Draw curves into a file and print its name."""
    picture.parent.mkdir(parents=True, exist_ok=True)
    plot_curves(curves, ylabel=ylabel).savefig(picture, dpi=120)
    print(f'\n{picture}')


def draw_dots(panels: Mapping[str, Mapping[str, Sequence[float]]], xlabel: str, file: Path) -> None:
    """Draw a dot for each value: title of a panel -> name of a row -> values."""
    if not panels:
        return
    heights = [len(rows) + 1.5 for rows in panels.values()]
    figure = Figure(figsize=(6.5, 0.6 + 0.2 * sum(heights)), layout='constrained')
    column = figure.subplots(len(panels), squeeze=False, sharex=True, height_ratios=heights)[:, 0]
    for axes, (title, rows) in zip(column, panels.items()):
        for label, values in rows.items():
            axes.plot(values, [label] * len(values), 'o', markersize=4)
        axes.invert_yaxis()
        axes.margins(y=0.5 / len(rows))
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
        axes.set_title(title, fontsize=8, loc='left')
    column[-1].set_xlabel(xlabel, fontsize=8)
    figure.savefig(file, dpi=110)
