"""Interleaved rounds, so that whatever slows the machine slows every candidate alike."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch

from heracles_mm.benchmark.steps import Call


class Budget(NamedTuple):
    """Rounds of one cell: at least ``rounds``, more until ``seconds`` have passed, at most
    ``most_rounds``."""

    rounds: int
    seconds: float
    most_rounds: int


class Quartiles(NamedTuple):
    """First quartile, median and third quartile."""

    q1: float
    median: float
    q3: float

    @classmethod
    def of(cls, values: Sequence[float]) -> 'Quartiles':
        points = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
        return cls(*torch.tensor(values, dtype=torch.float64).quantile(points).tolist())


def schedule(names: Sequence[str], seed: int) -> Iterator[list[str]]:
    """Endless rounds; each holds every name once, in an order of its own."""
    rng = random.Random(seed)
    while True:
        yield rng.sample(names, len(names))


def interleave(
    calls: Mapping[str, Call],
    budget: Budget,
    device: torch.device,
    seed: int,
    note: Callable[[str], None] = lambda _: None,
) -> dict[str, list[float]]:
    """Warm every call up once, then time rounds of them: name -> seconds, one value per round.

    ``note`` is told how far it is, between two rounds and never while a call is timed.
    """
    for name, call in calls.items():
        note(f'warming up {name}')
        call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    start = time.perf_counter()
    for count, names in enumerate(schedule(list(calls), seed)):
        enough = count >= budget.rounds and time.perf_counter() - start >= budget.seconds
        if enough or count >= max(budget.rounds, budget.most_rounds):
            return times
        note(f'round {count + 1}')
        for name in names:
            times[name].append(seconds(calls[name], device))
    raise AssertionError('rounds never end')


def seconds(call: Call, device: torch.device) -> float:
    """Time of one call; on CUDA between two events of the stream, with nothing else queued."""
    if device.type != 'cuda':
        start = time.perf_counter()
        call()
        return time.perf_counter() - start
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    first.record()
    call()
    last.record()
    torch.cuda.synchronize()
    return first.elapsed_time(last) / 1e3


def ratios(times: Mapping[str, list[float]], baseline: str) -> dict[str, Quartiles]:
    """Quartiles over rounds of each name's time over the baseline's of the same round."""
    return {
        name: Quartiles.of([own / base for own, base in zip(values, times[baseline])])
        for name, values in times.items()
    }
