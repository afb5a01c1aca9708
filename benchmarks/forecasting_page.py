"""Make the results in docs/forecasting.md and their picture of benchmarks/results/forecasting.

python benchmarks/forecasting_page.py [--results FOLDER] [--page FILE] [--picture FILE]

What stands between the two comments of the page is written anew, the rest stays.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

from common import options
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = '<!-- results: begin -->', '<!-- results: end -->'

HORIZONS = (96, 192, 336, 720)
TITLES = {'etth1': 'ETTh1', 'etth2': 'ETTh2'}
NAMES = {
    'heracles': 'Heracles',
    'hamsa': 'HAMSA',
    'linear_map': 'linear map, closed form',
    'linear_map_no_bias': 'linear map without a bias',
    'last_day': 'last day again',
    'last_value': 'last value again',
    'patchtst': 'PatchTST (neuralforecast)',
    'dlinear': 'DLinear (neuralforecast)',
    'itransformer': 'iTransformer (neuralforecast)',
}
OURS = ('heracles', 'hamsa')
FLOORS = ('linear_map', 'linear_map_no_bias', 'last_day', 'last_value')
MODES = {'': 'the whole test set', '_whole_batches': 'whole batches of 128 alone'}

SIMBA, ITRANSFORMER = 'arXiv 2403.15360', 'arXiv 2310.06625'
PATCHTST = 'arXiv 2211.14730'
PUBLISHED = {
    ('etth1', 96): {
        f'SiMBA ({SIMBA})': '.379/.395 .432/.424 .473/.443 .483/.469',
        f'iTransformer ({ITRANSFORMER})': '.386/.405 .441/.436 .487/.458 .503/.491',
        f'PatchTST ({ITRANSFORMER})': '.414/.419 .460/.445 .501/.466 .500/.488',
        f'TimesNet ({ITRANSFORMER})': '.384/.402 .436/.429 .491/.469 .521/.500',
        f'DLinear ({ITRANSFORMER})': '.386/.400 .437/.432 .481/.459 .519/.516',
        f'Autoformer ({ITRANSFORMER})': '.449/.459 .500/.482 .521/.496 .514/.512',
    },
    ('etth2', 96): {
        f'SiMBA ({SIMBA})': '.290/.339 .373/.390 .376/.406 .407/.431',
        f'iTransformer ({ITRANSFORMER})': '.297/.349 .380/.400 .428/.432 .427/.445',
        f'PatchTST ({ITRANSFORMER})': '.302/.348 .388/.400 .426/.433 .431/.446',
        f'TimesNet ({ITRANSFORMER})': '.340/.374 .402/.414 .452/.452 .462/.468',
        f'DLinear ({ITRANSFORMER})': '.333/.387 .477/.476 .594/.541 .831/.657',
        f'Autoformer ({ITRANSFORMER})': '.346/.388 .456/.452 .482/.486 .515/.511',
    },
    ('etth1', 336): {
        f'PatchTST/42 ({PATCHTST})': '.375/.399 .414/.421 .431/.436 .449/.466',
        f'PatchTST/64, look-back 512 ({PATCHTST})': '.370/.400 .413/.429 .422/.440 .447/.468',
        f'DLinear ({PATCHTST})': '.375/.399 .405/.416 .439/.443 .472/.490',
    },
    ('etth2', 336): {
        f'PatchTST/42 ({PATCHTST})': '.274/.336 .339/.379 .331/.380 .379/.422',
        f'PatchTST/64, look-back 512 ({PATCHTST})': '.274/.337 .341/.382 .329/.384 .379/.422',
        f'DLinear ({PATCHTST})': '.289/.353 .383/.418 .448/.465 .605/.551',
    },
}
"""MSE/MAE at the four horizons. Their loaders leave out windows that fill no batch."""

GOALS = {
    ('etth1', 96): (0.441, 0.430),
    ('etth2', 96): (0.362, 0.392),
    ('etth1', 336): (0.409, 0.420),
    ('etth2', 336): (0.331, 0.379),
}
"""MSE and MAE, means over the horizons: at most the better of the published SiMBA (96) or
PatchTST/42 (336) and of the linear map."""

Case = tuple[str, int]  # data set, look-back
Scores = dict[str, float]


class Results(NamedTuple):
    """(case, model) -> horizon -> the scores of each seed."""

    runs: dict[tuple[Case, str], dict[int, list[Scores]]]
    minutes: dict[tuple[Case, str], list[float]]
    parameters: dict[tuple[Case, str], list[int]]

    def models(self, case: Case) -> list[str]:
        return [name for name in NAMES if (case, name) in self.runs]

    def over_seeds(self, case: Case, model: str, horizon: int, score: str) -> list[float]:
        return [one[score] for one in self.runs[case, model].get(horizon, ())]

    def over_horizons(self, case: Case, model: str, score: str) -> float | None:
        """Mean over the four horizons of the mean over seeds, None before all have run."""
        found = [self.over_seeds(case, model, horizon, score) for horizon in HORIZONS]
        return mean(map(mean, found)) if all(found) else None


def read(folder: Path) -> Results:
    results = Results(defaultdict(dict), defaultdict(list), defaultdict(list))
    for file in sorted(folder.glob('*.json')):
        one = json.loads(file.read_text())
        case = one['set'], one['look_back']
        if one['model'] == 'baselines':
            for name, scores in one['scores'].items():
                results.runs[case, name][one['horizon']] = [scores]
            continue
        key = case, one['model']
        results.runs[key].setdefault(one['horizon'], []).append(one['scores'])
        results.minutes[key].append(one['seconds'] / 60)
        results.parameters[key].append(one['parameters'])
    return results


def cell(values: list[float]) -> str:
    """Mean over seeds, and half of their range."""
    if not values:
        return ''
    spread = (max(values) - min(values)) / 2
    return f'{mean(values):.3f}' + (f' ± {spread:.3f}' if len(values) > 1 else '')


def table(results: Results, case: Case) -> Iterator[str]:
    """A row for each model, ours first, then the floors, then what others published."""
    columns = ' | '.join(f'MSE {horizon} | MAE {horizon}' for horizon in HORIZONS)
    yield f'| | {columns} | MSE, mean | MAE, mean |'
    yield '|---' * (2 * len(HORIZONS) + 3) + '|'
    for model in results.models(case):
        cells = [
            cell(results.over_seeds(case, model, horizon, score))
            for horizon in HORIZONS
            for score in ('mse', 'mae')
        ]
        means = [results.over_horizons(case, model, score) for score in ('mse', 'mae')]
        cells += [f'{value:.3f}' if value is not None else '' for value in means]
        yield f'| {NAMES[model]} | {" | ".join(cells)} |'
    for name, row in PUBLISHED[case].items():
        pairs = [pair.split('/') for pair in row.split()]
        means = [f'{mean(float(value) for value in column):.3f}' for column in zip(*pairs)]
        cells = [f'0{value}' for pair in pairs for value in pair] + means
        yield f'| published: {name} | {" | ".join(cells)} |'


def both_countings(results: Results, case: Case) -> Iterator[str]:
    """The means over the horizons, of the whole test set and of whole batches."""
    keys = [f'{score}{mode}' for mode in MODES for score in ('mse', 'mae')]
    rows = {
        NAMES[model]: [results.over_horizons(case, model, key) for key in keys]
        for model in results.models(case)
    }
    rows = {name: means for name, means in rows.items() if None not in means}
    if rows:
        columns = ' | '.join(f'MSE, {mode} | MAE' for mode in MODES.values())
        yield f'| mean over the horizons | {columns} |'
        yield '|---' * (len(keys) + 1) + '|'
    for name, means in rows.items():
        yield f'| {name} | {" | ".join(f"{value:.3f}" for value in means)} |'


def winners(results: Results) -> Iterator[str]:
    """For each case that is complete, whether a floor has the lowest MSE."""
    for case in PUBLISHED:
        found = {
            model: score
            for model in results.models(case)
            if (score := results.over_horizons(case, model, 'mse')) is not None
        }
        ours = {model: score for model, score in found.items() if model in OURS}
        floors = {model: score for model, score in found.items() if model in FLOORS}
        if ours and floors:
            best = [min(group, key=group.__getitem__) for group in (floors, ours)]
            verdict = 'yes' if floors[best[0]] <= ours[best[1]] else 'no'
            both = ', '.join(
                f'{NAMES[name]} {found[name]:.4f} / {results.over_horizons(case, name, "mae"):.4f}'
                for name in best
            )
            yield f'* {titled(case)}: {verdict}, {both}'


def goals(results: Results) -> Iterator[str]:
    for case, (mse, mae) in GOALS.items():
        reached = []
        for model in [name for name in results.models(case) if name in OURS]:
            means = [results.over_horizons(case, model, score) for score in ('mse', 'mae')]
            if None not in means:
                met = ['met' if m <= g else 'missed' for m, g in zip(means, (mse, mae))]
                reached.append(
                    f'{NAMES[model]} {means[0]:.4f} ({met[0]}) / {means[1]:.4f} ({met[1]})'
                )
        found = '; '.join(reached) or 'not run yet'
        yield f'* {titled(case)}, at most {mse:.3f} / {mae:.3f}: {found}'


def costs(results: Results) -> Iterator[str]:
    for (case, model), minutes in sorted(results.minutes.items()):
        counts = results.parameters[case, model]
        yield (
            f'* {titled(case)}, {NAMES[model]}: median {median(minutes):.1f} minutes a run, '
            f'{min(counts):,} to {max(counts):,} parameters'
        )


def titled(case: Case) -> str:
    return f'{TITLES[case[0]]}, look-back {case[1]}'


def page(results: Results) -> str:
    lines = ['### Does a floor win? MSE / MAE, means over the horizons', '']
    lines += [*winners(results)] or ['No forecaster has run at all four horizons yet.']
    lines += ['', '### Goals: MSE / MAE, means over the horizons', '', *goals(results)]
    for case in PUBLISHED:
        lines += ['', f'### {titled(case)}', '', *table(results, case)]
        lines += ['', *both_countings(results, case)]
    if found := [*costs(results)]:
        lines += ['', '### What a run takes', '', *found]
    return '\n'.join([*lines, '', '![errors over the horizon](images/forecasting.png)'])


def draw(results: Results, picture: Path) -> None:
    """MSE over the horizon, a panel for each case, of whole batches as the published ones are."""
    figure = Figure(figsize=(10, 7), layout='constrained')
    for axes, case in zip(figure.subplots(2, 2).flat, PUBLISHED):
        for model in results.models(case):
            if model in ('last_day', 'last_value'):
                continue  # far above the others
            points = {
                horizon: values
                for horizon in HORIZONS
                if (values := results.over_seeds(case, model, horizon, 'mse_whole_batches'))
            }
            middle = [mean(values) for values in points.values()]
            line = axes.plot(
                list(points), middle, 'o-' if model in OURS else 's--', ms=4, label=NAMES[model]
            )
            low, high = ([f(values) for values in points.values()] for f in (min, max))
            axes.fill_between(list(points), low, high, alpha=0.2, color=line[0].get_color())
        name, row = next(iter(PUBLISHED[case].items()))
        errors = [float(pair.split('/')[0]) for pair in row.split()]
        axes.plot(HORIZONS, errors, 'x:', color='0.5', label=f'published: {name.split(" (")[0]}')
        axes.set_title(titled(case), fontsize=9)
        axes.set(xlabel='horizon, hours', ylabel='MSE, whole batches of 128', xticks=HORIZONS)
        axes.legend(fontsize=7)
    figure.savefig(picture, dpi=100, metadata={'Software': None})


def main() -> None:
    args = options(
        __doc__,
        results=ROOT / 'benchmarks/results/forecasting',
        page=ROOT / 'docs/forecasting.md',
        picture=ROOT / 'docs/images/forecasting.png',
    )
    results = read(args.results)
    before, _, rest = args.page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    args.page.write_text(f'{before}{BEGIN}\n\n{page(results)}\n\n{END}{after}')
    draw(results, args.picture)
    print(args.page)


if __name__ == '__main__':
    main()
