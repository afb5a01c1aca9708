"""Do the parts of a series, its data sets and its checkpoint fit together?"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.config import Config

from heracles_mm.data_checks.findings import shortened
from heracles_mm.data_checks.paths import inner_datasets

OWN = ('type', 'part')
"""What a part's data set does not share with the others."""


def part_findings(cfg: Config) -> Iterator[str]:
    """Find options that the data sets of val and test have otherwise than any of train: rows of one
    part would be in another, or in another scale."""
    found = {
        part: [
            (key, {name: _plain(one) for name, one in options.items() if name not in OWN})
            for key, options in inner_datasets(cfg.get(f'{part}_dataloader'), f'{part}_dataloader')
            if 'csv_file' in options
        ]
        for part in ('train', 'val', 'test')
    }
    for key, options in (*found['val'], *found['test']):
        if not found['train'] or any(options == trained for _, trained in found['train']):
            continue
        first, trained = found['train'][0]
        name = next(n for n in {**trained, **options} if trained.get(n) != options.get(n))
        yield (
            f'{key}.{name} is {options.get(name)} and {first}.{name} is {trained.get(name)}: the '
            'parts of a series are of one file and split, so give all of them the same'
        )


def _plain(value: Any) -> str:
    """An option as a text, lists as tuples."""
    return repr(tuple(value) if isinstance(value, list) else value)


def other_series(trained: dict[str, Any], tested: dict[str, Any]) -> str | None:
    """One sentence where two SeriesDatasets, by their ``metainfo``, differ in what a forecaster
    learns from; None where they do not, or are none."""
    for name in ('columns', 'step'):
        here, there = tested.get(name), trained.get(name)
        if here and there and here != there:
            return _sentence(f'{name} {shortened(here)}', f'{name} {shortened(there)}')
    both = 'step' in trained and 'step' in tested
    if both and not np.allclose(trained['mean'], tested['mean'], rtol=1e-6):
        return _sentence('training rows of another mean', 'its own: another file or split')
    return None


def _sentence(here: str, there: str) -> str:
    return f'the test is on {here}, and the checkpoint was trained on {there}'
