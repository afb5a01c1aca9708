"""The tables of benchmarks/robustness.py."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from common import mean_and_range

GROUPS = ('noise', 'blur', 'weather', 'digital')
Models = Mapping[str, list[dict[str, Any]]]  # model -> its seeds


def sections(
    folder: Path,
    titles: Mapping[str, str],
    names: Mapping[str, str],
    measures: Mapping[str, tuple[str, float]],
    pairs: Sequence[tuple[str, str]],
) -> Iterator[str]:
    """Lines of the page; the mappings and pairs are those of benchmarks/results_page.py."""
    runs: dict[str, dict[str, list]] = defaultdict(lambda: defaultdict(list))
    for file in sorted(folder.glob('*.json')):
        one = json.loads(file.read_text())
        runs[one['task']][one['model']].append(one)
    if not runs:
        return
    yield from ('', '## On corrupted pictures', '')
    yield (
        "The scores of these models under ImageNet-C's fifteen corruptions: `python "
        'benchmarks/robustness.py`, by [tools/test.py --corruptions](robustness.md).'
    )
    for task in (task for task in titles if task in runs):
        models = {name: runs[task][name] for name in names if name in runs[task]}
        yield from ('', f'### {titles[task]}', '', *table(models, names, measures), '')
        for group in ('noise', 'blur'):
            yield from kept(group, models, names, pairs)


def table(
    models: Models, names: Mapping[str, str], measures: Mapping[str, tuple[str, float]]
) -> Iterator[str]:
    first = next(iter(models.values()))[0]
    label, scale = measures.get(f'test {first["metric"]}') or measures[first['metric']]
    columns = ('clean', *GROUPS, 'mean')
    severities = ', '.join(map(str, first['severities']))
    yield f'| {label}, severities {severities} | {" | ".join(columns)} | of clean, % | seeds |'
    yield '|---' * (len(columns) + 3) + '|'
    for model, seeds in models.items():
        cells = [mean_and_range([one['scores'][key] * scale for one in seeds]) for key in columns]
        cells += [f'{share(seeds, "mean"):.0f}', str(len(seeds))]
        yield f'| {names[model]} | {" | ".join(cells)} |'


def kept(
    group: str, models: Models, names: Mapping[str, str], pairs: Sequence[tuple[str, str]]
) -> Iterator[str]:
    """For each family of ours a sentence: what is left of its clean score, and of its peers'."""
    for ours in dict.fromkeys(ours for ours, _ in pairs if ours in models):
        peers = [peer for one, peer in pairs if one == ours and peer in models]
        if peers:
            shares = [f'{names[peer]} {share(models[peer], group):.0f} %' for peer in peers]
            own = f'{names[ours]} keeps {share(models[ours], group):.0f} % of its clean score'
            yield f'* Under {group} {own}, {", ".join(shares)}.'


def share(seeds: list[dict[str, Any]], group: str) -> float:
    """Percent of the clean score, the mean over seeds."""
    return 100 * mean(one['scores'][group] / one['scores']['clean'] for one in seeds)
