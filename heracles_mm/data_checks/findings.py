"""What a check says, and how much of the data it looks at.

A check yields its findings, one sentence each: a plain text is about data that cannot train or are
certainly wrong, and :class:`Odd` about what may be meant.
"""

import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from rich.console import Console
from rich.progress import track

LEVELS = ('off', 'sample', 'full')
"""No check; the cheap ones on everything and the others on a sample; all on everything."""

SAMPLE = 100
"""Of so many files of a data set the content is read at the level 'sample'."""

Item = TypeVar('Item')
Result = TypeVar('Result')


class Odd(str):
    """A finding that is printed and does not end the run."""


def shortened(names: Iterable[object], count: int = 3) -> str:
    """The first few of ``names``, with commas."""
    texts = [str(name) for name in names]
    return ', '.join(texts[:count]) + (', ...' if len(texts) > count else '')


def sampled(items: Sequence[Item], level: str) -> list[Item]:
    """All ``items`` at the level 'full', else at most SAMPLE, one of each equal stretch."""
    if level == 'full' or len(items) <= SAMPLE:
        return list(items)
    rng, edges = random.Random(0), [i * len(items) // SAMPLE for i in range(SAMPLE + 1)]
    return [items[rng.randrange(edges[i], edges[i + 1])] for i in range(SAMPLE)]


def read_each(
    read: Callable[[Item], Result], items: Sequence[Item], what: str
) -> Iterator[tuple[Item, Result]]:
    """Yield each of ``items`` with what ``read`` makes of it, by threads, with a bar on stderr."""
    pool = ThreadPoolExecutor(os.cpu_count())
    found, console = pool.map(read, items), Console(stderr=True)
    try:
        bar = track(
            found,
            what,
            total=len(items),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        yield from zip(items, bar, strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def missing_files(paths: Iterable[str]) -> list[str]:
    """Those of ``paths`` that are not there.

    Each folder is listed once and no file is opened: seconds for all of COCO or ImageNet.
    """

    @cache
    def listed(folder: str) -> set[str]:
        return set(os.listdir(folder or '.')) if os.path.isdir(folder or '.') else set()

    return [path for path in paths if os.path.basename(path) not in listed(os.path.dirname(path))]


def missing_pictures(paths: Sequence[str], named_by: str) -> Iterator[str]:
    """Find those of ``paths`` that are not there; ``named_by`` says what names them."""
    if missing := missing_files(paths):
        yield (
            f'{len(missing)} of the {len(paths)} pictures that {named_by} names are missing '
            f'({shortened(missing)}): copy the rest of the data, or set data_root and data_prefix '
            'to the folder that holds them'
        )
