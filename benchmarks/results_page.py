"""Make docs/results.md, its pictures and README's table of the files in benchmarks/results; what
benchmarks/robustness.py and benchmarks/ablations.py left is below.

python benchmarks/results_page.py
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import ablation_tables
import robustness_tables
from common import mean_curve, options, runs_and_hours
from matplotlib.figure import Figure
from results_answers import (
    Models,
    Runs,
    answers,
    best_peer,
    comparisons,
    counted,
    goal,
    kind,
    peers_of,
    score,
)
from results_words import MEASURES, MODELS, PEER_NAMES, PEERS, TASKS, TITLES

from heracles_mm.checkpoints.shipped import SCHEME

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = '<!-- made by benchmarks/results_page.py -->', '<!-- end -->'


def read(folder: Path) -> Runs:
    """The runs in the order of TITLES and MODELS."""
    found = [json.loads(file.read_text()) for file in sorted(folder.glob('*.json'))]
    runs: Runs = {task: defaultdict(list) for task in TITLES}
    for model in MODELS:
        for one in found:
            if one['model'] == model:
                runs[one['task']][model].append(one)
    return {task: models for task, models in runs.items() if models}


def table(models: Models) -> Iterator[str]:
    measures = list(next(iter(models.values()))[0]['scores'])
    names = [MEASURES[measure][0] for measure in measures]
    yield f'| | {" | ".join(names)} | seeds | parameters | G multiply-adds | minutes | processor |'
    yield '|---' * (len(names) + 6) + '|'
    for model, seeds in models.items():
        first = seeds[0]
        cells = [score(seeds, measure) for measure in measures]
        cells += [str(len(seeds)), f'{first["parameters"] / 1e6:.2f}M']
        cells += [f'{first["multiply_adds"] / 1e9:.2f}']
        cells += [f'{mean(one["seconds"] for one in seeds) / 60:.0f}']
        cells += [', '.join(sorted({processor(one['machine']) for one in seeds}))]
        yield f'| {MODELS[model]} | {" | ".join(cells)} |'


def processor(machine: dict[str, Any]) -> str:
    return machine['cpu'] if machine['device'] == 'CPU' else machine['device']


def readme_table(runs: Runs) -> Iterator[str]:
    """Lines of README's table: each measure of each task, by family, with its best peer, and
    whether that one alone has run."""
    families = list(dict.fromkeys(ours for ours, _ in PEERS))
    names = [name for ours in families for name in (MODELS[ours], 'best of its peers')]
    yield f'| | {" | ".join(names)} |'
    yield '|---' * (len(names) + 1) + '|'
    for task, found in runs.items():
        if not any(ours in found for ours in families):
            continue
        for measure in next(iter(found.values()))[0]['scores']:
            cells = []
            for ours in families:
                peer = best_peer(found, ours, measure)
                cells += [score(found[ours], measure) if ours in found else '']
                name = kind(peer) if peer else ''
                name += ', alone' * (len(peers_of(found, ours)) == 1)
                cells += [f'{score(found[peer], measure)} ({name})' if peer else '']
            yield f'| {TITLES[task]}: {MEASURES[measure][0]} | {" | ".join(cells)} |'


def with_table(readme: str, runs: Runs) -> str:
    """README's text with the table between its two marks made anew."""
    before, rest = readme.split(BEGIN)
    after = rest.split(END)[1]
    return '\n'.join([f'{before}{BEGIN}', *readme_table(runs), f'{END}{after}'])


def page(runs: Runs) -> str:
    ran = [one for models in runs.values() for seeds in models.values() for one in seeds]
    lines = [
        '# Results on real pictures',
        '',
        f'Public data of small size, one recipe a task, whatever the model: {runs_and_hours(ran)} '
        'of training. Nothing here is a result on ImageNet, COCO or ADE20K.',
        '',
        '* Each score of a task is of a run of `benchmarks/real_data.py`, whose file is in '
        '`benchmarks/results` with its commit; scores on corrupted pictures and of ablations are '
        'of scripts named there. `benchmarks/results_page.py` makes this page of the files. The '
        'data and how to fetch them: [public_data.md](public_data.md).',
        '* The last checkpoint counts; no test-time tricks. Of several seeds: the mean (lowest to '
        'highest). Differences are taken before rounding. An aim is the least that we wanted '
        'before the first run.',
        '* Two models are apart beyond the spread of seeds where the worst run of one is better '
        'than the best of the other, of three runs each or more; of equals with three runs each, '
        'one comparison in ten comes out so by chance.',
        '* A peer has the parameters and, as a classifier at 128 px, the multiply-adds of one of '
        'our models within 10 %, and is trained alike; in a detector or segmentor those of '
        'Heracles-nano have over 10 % fewer multiply-adds than it, as each table says. S models '
        'stand beside those of papers, whose parameters and multiply-adds are others.',
        '* Imagenette was a copy squared and stored at 160x160 px as JPEG, so a published score '
        'on it is near, not exact; Penn-Fudan, CamVid and CIFAR-10 were JPEG copies too. The '
        'Imagenette recipe was found with Heracles-nano on the same val pictures and given to '
        'all.',
        '* Runs shared their machine, the GPU up to six, so minutes say little. `--amp` is '
        'bfloat16 on a CPU and float16 on a GPU.',
        '* Not like the others: the commit of HAMSA-nano at 20 epochs of Imagenette was on a '
        'branch that is no more. Six runs of seed 0 replace earlier ones of the same recipe, on '
        'another processor, in another precision or from other weights, 0.1 to 1.3 apart in the '
        'first score (most: HAMSA-nano on CamVid, 57.2 on a GPU, 56.2 here, and from pretrained '
        'weights 59.0 and 57.7), so a lead below 2 of one run says little; `git log -p '
        'benchmarks/results` has both.',
        '* [What S models cost from 224 to 2048 px](roofline.md#cost-against-resolution) and '
        '[what is forecast](forecasting.md) have pages of their own.',
    ]
    if any(comparisons(runs)):
        question = '## Is the better of our families ahead of every peer?'
        lines += ['', question, '', *goal(runs), '', counted(runs)]
    for task, models in runs.items():
        told, first = TASKS[task], next(iter(models.values()))[0]
        height, width = first['shape']
        lines += ['', f'## {told.title}', '', told.question, '', *table(models), '']
        lines += [*answers(task, runs), '']
        lines += [f'Published: {told.published}.', ''] if told.published else []
        lines += [f'![curves of {told.title}](images/results_{task}.png)', '']
        more = len({len(seeds) for seeds in models.values()}) > 1
        rows = f'Every row{", and seeds that some lack" * more}: `{rerun(task, models)}`.'
        lines += [f'Multiply-adds are of {height}x{width} px. {rows}']
        if first['starts_from'] not in TASKS:  # a file of the run's own machine
            lines[-1] += f' One: `{first["command"]}`.'
        lines[-1] += starts(models)
    return '\n'.join([*lines, ''])


def starts(models: Models) -> str:
    """Which began from the weights that come with the package, '' where none did."""
    names = [MODELS[name] for name in models if SCHEME in models[name][0]['starts_from']]
    others = ', the others, and by this command all, from their own last checkpoint'
    others *= len(names) < len(models)
    began = f'began from the weights in float16 that come with the package{others}'
    return f' {" and ".join(names)} {began}.' if names else ''


def rerun(task: str, models: Models) -> str:
    """What makes the runs of a table again, and before them those that they start from."""
    ran = [one for seeds in models.values() for one in seeds]
    before = {one['starts_from'] for one in ran} & TASKS.keys()
    chosen = dict(tasks=[*before, task], models=models, seeds=sorted({one['seed'] for one in ran}))
    asked = (f'--{name} {" ".join(map(str, values))}' for name, values in chosen.items())
    return f'python benchmarks/real_data.py {" ".join(asked)} --results work_dirs/results'


def draw(models: Models, steps_of: str, picture: Path) -> None:
    """Curves, the mean over seeds: of the first measure, and of the loss where it was kept. An
    architecture has one colour; peers of Heracles' size are dashed, of HAMSA's dotted."""
    curves = next(iter(models.values()))[0]['curves']
    kinds = list(dict.fromkeys(map(kind, MODELS)))
    figure = Figure(figsize=(8, 2.8), layout='constrained')
    followed = [next(iter(curves)), *(one for one in ('loss',) if one in curves)]
    for axes, measure in zip(figure.subplots(1, len(followed), squeeze=False)[0], followed):
        label, scale = MEASURES[measure]
        for model, seeds in models.items():
            steps, values = zip(*mean_curve([one['curves'][measure] for one in seeds]))
            style = ':' if model.endswith('_wide') else '--' if model in PEER_NAMES else '-'
            style += f'C{kinds.index(kind(model))}'
            axes.plot(steps, [value * scale for value in values], style, label=MODELS[model])
        axes.set(xlabel='iteration' if measure == 'loss' else steps_of, ylabel=label)
        axes.xaxis.get_major_locator().set_params(integer=True)
    figure.legend(*axes.get_legend_handles_labels(), fontsize=7, loc='outside right center')
    figure.savefig(picture, dpi=110)


def main() -> None:
    args = options(
        __doc__,
        results=ROOT / 'benchmarks/results',
        page=ROOT / 'docs/results.md',
        pictures=ROOT / 'docs/images',
        readme=ROOT / 'README.md',
    )
    runs = read(args.results)
    text = page(runs)
    for tables, name in ((robustness_tables, 'robustness'), (ablation_tables, 'ablations')):
        text += ''.join(f'{line}\n' for line in tables.sections(args.results / name))
        tables.draw(args.results / name, args.pictures)
    args.page.write_text(text)
    for task, models in runs.items():
        draw(models, TASKS[task].steps, args.pictures / f'results_{task}.png')
    args.readme.write_text(with_table(args.readme.read_text(), runs))
    print(args.page)


if __name__ == '__main__':
    main()
