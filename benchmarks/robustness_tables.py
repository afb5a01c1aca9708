"""The tables of benchmarks/robustness.py."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from statistics import mean
from typing import Any

from common import BEYOND, draw_dots, mean_and_range, spread
from results_words import MEASURES, MODELS, PEERS, TITLES

ABLATIONS = 'ablations'
PARTS = {'heracles': 'local and global', 'global': 'global alone', 'local': 'local alone'}
NAMES = MODELS | PARTS
TASKS = TITLES | {ABLATIONS: 'Heracles-nano at 64 px, with its local part, its global part or both'}
RIVALS = (*PEERS, ('heracles', 'local'), ('global', 'local'))
ASKED = ('noise', 'blur')
GROUPS = (*ASKED, 'weather', 'digital')
Models = Mapping[str, list[dict[str, Any]]]  # model -> its seeds


def read(folder: Path) -> dict[str, Models]:
    """Task -> its models, in the order of the page."""
    runs: dict[str, dict[str, list]] = defaultdict(lambda: defaultdict(list))
    for file in sorted(folder.glob('*.json')):
        one = json.loads(file.read_text())
        runs[one['task']][one['model']].append(one)
    return {
        task: {name: runs[task][name] for name in NAMES if name in runs[task]}
        for task in TASKS
        if task in runs
    }


def sections(folder: Path) -> Iterator[str]:
    """Lines of the page."""
    runs = read(folder)
    if not runs:
        return
    count = sum(len(seeds) for models in runs.values() for seeds in models.values())
    yield from ('', '## On corrupted pictures', '')
    yield from (f'Does a global filter help or hurt under noise and blur? {answer(runs)}', '')
    yield (
        f"Below are {count} trained models under ImageNet-C's fifteen corruptions, by "
        '[tools/test.py --corruptions](robustness.md). Other runs left no checkpoint to test, or '
        'began from pretrained weights or are of S models, which were not tested. Of ours from '
        'Imagenette, seed 0 is the weights in float16 that come with the package.'
    )
    for task, models in runs.items():
        yield from ('', f'### {TASKS[task]}', '', *table(models), '')
        for group in ASKED:
            yield from kept(group, models)
        yield from ('', f'![what is left of the clean score](images/{picture(task)})', '')
        every = [one for seeds in models.values() for one in seeds]
        severities = ' '.join(map(str, every[0]['severities']))
        seeds = ' '.join(map(str, sorted({one['seed'] for one in every})))
        asked = f'--tasks {task} --seeds {seeds} --severities {severities}'
        where = '--results work_dirs/results/robustness'
        again = f'After the runs of its table: `python benchmarks/robustness.py {asked} {where}`.'
        untested = [MODELS[name] for name in dict.fromkeys(chain(*PEERS)) if name not in models]
        missing = f' Not tested: {", ".join(untested)}.'
        yield again + missing * bool(untested and task != ABLATIONS)


def answer(runs: Mapping[str, Models]) -> str:
    """How often ours keep more than a peer and score higher, and what the mixer alone changes."""
    pairs = [pair for task in runs if task != ABLATIONS for pair in rivals(runs[task])]
    few = sum(min(map(len, pair)) < 3 for pair in pairs)
    told = []
    for group in ASKED:
        kept, higher = (
            sum(mean(of(ours, group)) > mean(of(its, group)) for ours, its in pairs)
            for of in (shares, scores)
        )
        told += [f'under {group} in {kept} of {len(pairs)} (a higher score in {higher})']
    words = (
        'Beside peers of their size ours keep the larger share of their clean score '
        f'{", ".join(told)}; {few} of these pairs have fewer than three seeds on a side, and '
        'a peer differs in more than a filter.'
    )
    parts = [(group, *pair) for group in ASKED for pair in rivals(runs.get(ABLATIONS, {}))]
    apart = [
        sum(spread(of(one, group), of(local, group)) == BEYOND for group, one, local in parts)
        for of in (shares, scores)
    ]
    alone = (
        ' Where only the mixer of the first two stages differs (the last table; the other two are '
        'attention), the share is apart from that of local alone beyond the spread of seeds in '
        f'{apart[0]} of {len(parts)} comparisons, the score itself in {apart[1]}.'
    )
    return words + alone * bool(parts)


def rivals(models: Models) -> list[tuple[list[dict], list[dict]]]:
    return [(models[one], models[other]) for one, other in RIVALS if models.keys() >= {one, other}]


def picture(task: str) -> str:
    return f'results_corrupted_{task}.png'


def draw(folder: Path, pictures: Path) -> None:
    """What is left of the clean score, by group of corruptions."""
    for task, models in read(folder).items():
        panels = {
            group: {NAMES[name]: shares(seeds, group) for name, seeds in models.items()}
            for group in GROUPS
        }
        draw_dots(panels, 'percent of the clean score', pictures / picture(task))


def table(models: Models) -> Iterator[str]:
    first = next(iter(models.values()))[0]
    label, scale = MEASURES.get(f'test {first["metric"]}') or MEASURES[first['metric']]
    columns = ('clean', *GROUPS, 'mean')
    severities = ', '.join(map(str, first['severities']))
    word = 'severities' if len(first['severities']) > 1 else 'severity'
    yield f'| {label}, {word} {severities} | {" | ".join(columns)} | of clean, % | which seeds |'
    yield '|---' * (len(columns) + 3) + '|'
    for model, seeds in models.items():
        cells = [mean_and_range([one['scores'][key] * scale for one in seeds]) for key in columns]
        cells += [f'{share(seeds, "mean"):.0f}', ', '.join(str(one['seed']) for one in seeds)]
        yield f'| {NAMES[model]} | {" | ".join(cells)} |'


def kept(group: str, models: Models) -> Iterator[str]:
    """For each family of ours a sentence: what is left of its clean score, and of its peers'; for
    each part with a global filter beside the local one."""
    for ours in dict.fromkeys(ours for ours, _ in RIVALS if ours in models):
        told = [
            f'{NAMES[peer]} {share(models[peer], group):.0f} % '
            f'({spread(shares(models[ours], group), shares(models[peer], group))})'
            for one, peer in RIVALS
            if one == ours and peer in models
        ] or ['no peer of its size was tested']
        own = f'{NAMES[ours]} keeps {share(models[ours], group):.0f} % of its clean score'
        yield f'* Under {group} {own}, {", ".join(told)}.'


def share(seeds: list[dict[str, Any]], group: str) -> float:
    """Percent of the clean score, the mean over seeds."""
    return mean(shares(seeds, group))


def shares(seeds: list[dict[str, Any]], group: str) -> list[float]:
    return [100 * one['scores'][group] / one['scores']['clean'] for one in seeds]


def scores(seeds: list[dict[str, Any]], group: str) -> list[float]:
    return [one['scores'][group] for one in seeds]
