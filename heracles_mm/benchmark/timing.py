"""Interleaved rounds, so that whatever slows the machine slows every candidate alike."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from heracles_mm.benchmark.workloads import Call


class Budget(NamedTuple):
    """Rounds: at least ``rounds``, more until ``seconds`` have passed, at most ``most_rounds``."""

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
        return cls(*np.quantile(values, (0.25, 0.5, 0.75)).tolist())


def interleave(
    calls: Mapping[str, Call],
    budget: Budget,
    seed: int,
    on_progress: Callable[[str], None] = lambda _: None,
) -> dict[str, list[float]]:
    """Warm every call up once, then time rounds of them, each in a random order of its own: name ->
    seconds, one value per round. ``on_progress`` is called with what comes next, between rounds."""
    for name, call in calls.items():
        on_progress(f'warming up {name}')
        call()
    rng, begun, count = random.Random(seed), timer(), 0
    times: dict[str, list[float]] = {name: [] for name in calls}
    while count < budget.rounds or (
        count < budget.most_rounds and timer() - begun < budget.seconds
    ):
        count += 1
        on_progress(f'round {count}')
        for name in rng.sample(list(calls), len(calls)):
            start = timer()
            calls[name]()
            times[name].append(timer() - start)
    return times


def timer() -> float:
    """Seconds; a GPU is waited for."""
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()
    return time.perf_counter()


def ratio(times: Sequence[float], baseline: Sequence[float]) -> Quartiles:
    """Of a time over the baseline's in the same round."""
    return Quartiles.of([own / base for own, base in zip(times, baseline, strict=True)])
