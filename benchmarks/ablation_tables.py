"""The variants of benchmarks/ablations.py, the questions that they answer, and the answers."""

import json
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from math import comb
from pathlib import Path
from statistics import mean, median
from typing import Any

from common import BEYOND, FEW, draw_dots, mean_and_range, runs_and_hours, spread

BACKBONE = 'model.backbone'


def variant(family: str, **options: object) -> tuple[str, tuple[str, ...]]:
    """Its config in benchmarks/ablated, and what it changes there."""
    return family, tuple(f'{BACKBONE}.{name}={value}' for name, value in options.items())


VARIANTS = {
    'heracles': variant('heracles'),
    'hartley_gate': variant('heracles', transform='hartley'),
    'hartley_convolution': variant('heracles', transform='hartley', hartley_product='convolution'),
    **{f'stages_{n}': variant('heracles', spectral_stages=n) for n in (0, 1, 3, 4)},
    **{
        name: variant('heracles', type='RearrangedHeracles', mixer=name)
        for name in ('sequence', 'local', 'global')
    },
    'hamsa': variant('hamsa'),
    'hamsa_real': variant('hamsa', kernel='real'),
    'hamsa_grid': variant('hamsa', fft_axes='grid'),
    'hamsa_no_pulse': variant('hamsa', type='ReducedHamsa', without='pulse'),
    'hamsa_no_sagu': variant('hamsa', type='ReducedHamsa', without='sagu'),
}
QUESTIONS = {
    'Which transform?': {
        'heracles': 'cosine',
        'hartley_gate': 'Hartley, gate',
        'hartley_convolution': 'Hartley, convolution',
    },
    'How many spectral stages?': {
        'heracles': "2 (nano; the backbone's default is 1)",
        'stages_0': '0: attention alone',
        'stages_1': '1',
        'stages_3': '3',
        'stages_4': '4: no attention',
    },
    'Local and global: in parallel?': {
        'heracles': 'in parallel, half of the channels each (the paper)',
        'sequence': 'in sequence, all channels each',
        'local': 'local alone',
        'global': 'global alone',
    },
    'What does HAMSA live by?': {
        'hamsa': 'complex kernel, tokens (the paper)',
        'hamsa_real': 'real kernel',
        'hamsa_grid': 'grid',
        'hamsa_no_pulse': 'without SpectralPulseNet',
        'hamsa_no_sagu': 'without SAGU',
    },
}
"""Question -> variant -> its name in the table; the first is what the others are compared with."""

MEASURE, PICTURE = 'accuracy/top1', 'results_ablations.png'

Runs = dict[str, list[dict[str, Any]]]  # variant -> its runs


def read(folder: Path) -> Runs:
    """With those of ``folder/again``: the same variants and seeds on another processor."""
    runs: Runs = defaultdict(list)
    for file in sorted(folder.rglob('*.json')):
        one = json.loads(file.read_text())
        runs[one['variant']].append(one)
    return runs


def answered(runs: Runs) -> dict[str, Runs]:
    """Question -> name in its table -> seeds, where the first variant and another have run."""
    return {
        question: {label: runs[name] for name, label in names.items() if name in runs}
        for question, names in QUESTIONS.items()
        if next(iter(names)) in runs and len(runs.keys() & names) > 1
    }


def sections(folder: Path) -> Iterator[str]:
    """Lines of the page."""
    runs = read(folder)
    found = answered(runs)
    if not found:
        return
    pairs = [
        (scores(other), scores(first))
        for rows in found.values()
        for first, *others in [rows.values()]
        for other in others
    ]
    chance = sum(
        2 / comb(len(other) + len(first), len(first))
        for other, first in pairs
        if spread(other, first) != FEW
    )
    clear = sum(spread(*pair) == BEYOND for pair in pairs)
    wide = max(max(values) - min(values) for values in map(scores, runs.values()))
    yield from ('', '## What the parts are worth', '')
    yield (
        'Nano models on Imagenette at 64 px, 5 epochs, one recipe: `python '
        'benchmarks/ablations.py --results work_dirs/results/ablations`. Each variant is compared '
        f'with the first of its table, and {clear} of {len(pairs)} differences exceed the spread '
        f'of the runs, where {chance:.1f} would by chance if all were equals'
        f'{"" if clear else ": nothing here speaks against the defaults, nor for them"}. Runs of '
        f'one variant lie up to {wide:.1f} apart. Small pictures, small models, a short schedule: '
        'no claim beyond that. Runs shared their machine, so minutes, the median of the runs, say '
        f'little. In all {runs_and_hours([*chain(*runs.values())])}.'
    )
    if apart := repeated(runs):
        yield ''
        yield (
            f'{len(apart)} of them are second runs, on another processor, by the same command '
            'with `--work-dir` and `--results` of their own, tested on corrupted pictures too: '
            f'of the same seed, first and second run are up to {max(apart):.1f} apart. What '
            'the first runs had shown, and these overturned: [Heracles](heracles.md).'
        )
    yield from ('', f'![top-1 of each run](images/{PICTURE})')
    for question, rows in found.items():
        yield from ('', f'### {question}', '', *table(rows))


def draw(folder: Path, pictures: Path) -> None:
    """The scores of each run."""
    panels = {
        question: {label: scores(seeds) for label, seeds in rows.items()}
        for question, rows in answered(read(folder)).items()
    }
    draw_dots(panels, 'top-1 of each run, %', pictures / PICTURE)


def table(rows: Runs) -> Iterator[str]:
    """A row for each variant, and a sentence."""
    (_, first), *others = rows.items()
    found = {label: spread(scores(seeds), scores(first)) for label, seeds in others}
    yield '| | top-1, % | from the first | parameters | G multiply-adds | minutes | runs |'
    yield '|---|---|---|---|---|---|---|'
    for label, seeds in rows.items():
        one = seeds[0]
        cells = [mean_and_range(scores(seeds)), '']
        if label in found:
            difference = round(mean(scores(seeds)) - mean(scores(first)), 1) + 0  # no -0.0
            cells[1] = f'{difference:+.1f}{", exceeds the spread" * (found[label] == BEYOND)}'
        cells += [f'{one["parameters"] / 1e6:.2f}M', f'{one["multiply_adds"] / 1e9:.3f}']
        cells += [f'{median(one["seconds"] for one in seeds) / 60:.0f}', str(len(seeds))]
        yield f'| {label} | {" | ".join(cells)} |'
    clear = [label for label, words in found.items() if words == BEYOND]
    told = [f'Beyond the spread of the runs: {"; ".join(clear)}.'] if clear else []
    told += ['Runs are missing.'] if FEW in found.values() else []
    yield ''
    yield ' '.join(told) or 'No difference exceeds the spread of the runs.'


def repeated(runs: Runs) -> list[float]:
    """How far apart the scores of each seed are that ran again."""
    found = defaultdict(list)
    for name, several in runs.items():
        for one, score in zip(several, scores(several), strict=True):
            found[name, one['seed']].append(score)
    return [max(values) - min(values) for values in found.values() if len(values) > 1]


def scores(seeds: list[dict[str, Any]]) -> list[float]:
    return [one['scores'][MEASURE] for one in seeds]
