"""Several processes train as one does on all their pictures: gloo on CPUs, in float64."""

import os
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch

for library in ('mmdet', 'mmseg', 'mmpretrain'):
    pytest.importorskip(library, reason='the models are of all three libraries')

from distributed_cases import CASES, Case, Trace, in_float64, pairs, train  # noqa: E402
from processes import with_path  # noqa: E402

import heracles_mm.classification  # noqa: E402, F401  (registers the classifier, and the backbones)

pytestmark = [pytest.mark.trust, pytest.mark.slow]
WORKER = Path(__file__).with_name('distributed_worker.py')
EXACT = {'detection': 1e-6, 'segmentation': 1e-9, 'classification': 1e-9}
"""The promise is 1e-5. All is in float64, but for mmdet's binary cross entropies, in float32."""


def free_port() -> str:
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return str(listener.getsockname()[1])


@pytest.fixture(scope='module')
def world(trust_scale) -> int:
    return 1 + trust_scale


@pytest.fixture(scope='module')
def ranks(world, tmp_path_factory) -> list[dict]:
    """What each process wrote down. They are a made job of Slurm, one process on each node."""
    folder = tmp_path_factory.mktemp('ranks')
    scontrol = folder / 'scontrol'
    scontrol.write_text('#!/bin/sh\n[ "$*" = "show hostname node[1-9]" ] && echo localhost\n')
    scontrol.chmod(0o755)
    environment = {
        **os.environ,
        'PYTHONPATH': with_path(Path(__file__).parents[2], WORKER.parent),
        'PATH': f'{folder}{os.pathsep}{os.environ["PATH"]}',
        'OMP_NUM_THREADS': '1',
        'SLURM_NTASKS': str(world),
        'SLURM_NODELIST': 'node[1-9]',
        'SLURM_LOCALID': '0',
        'MASTER_PORT': free_port(),
    }
    for name in ('MASTER_ADDR', 'RANK', 'WORLD_SIZE', 'LOCAL_RANK'):
        environment.pop(name, None)
    processes = [
        subprocess.Popen(
            [sys.executable, WORKER, folder, *map(str, CASES)],
            env={**environment, 'SLURM_PROCID': str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(world)
    ]
    try:
        for process in processes:
            output, _ = process.communicate(timeout=500)
            assert process.returncode == 0, output
    finally:
        for process in processes:
            process.kill()
    return [torch.load(folder / f'{rank}.pt', weights_only=False) for rank in range(world)]


@pytest.fixture(scope='module')
def whole(world):
    """Of a case: what one process computes on all pictures, without recomputed blocks."""

    @cache
    def train_alone(task, family):
        return alone(Case(task, family, with_cp=False), list(range(2 * world)))

    return lambda case: train_alone(case.task, case.family)


def alone(case: Case, numbers: list[int], steps: int = 2) -> Trace:
    with in_float64():
        return train(case, numbers, steps)


def worst(found: Trace, expected: Trace, step: int = 0) -> float:
    """The largest difference of a gradient, relative to the largest entry of that gradient."""
    assert found.gradients[step].keys() == expected.gradients[step].keys()
    return max(
        ((found.gradients[step][name] - gradient).abs().max() / gradient.abs().max()).item()
        for name, gradient in expected.gradients[step].items()
    )


@pytest.mark.parametrize('case', CASES, ids=str)
def test_several_processes_with_joined_batchnorm_are_one_process(
    case, ranks, whole, world, trust_report
):
    """Loss and gradients of two steps: SyncBN's statistics are those of all pictures.

    The second step is refused by DistributedDataParallel if a parameter was unused in the first.
    """
    traces, expected = [rank['traces'][str(case), True] for rank in ranks], whole(case)
    for step in range(2):
        loss = sum(trace.losses[step] for trace in traces) / world
        assert loss == pytest.approx(expected.losses[step], rel=EXACT[case.task])
    difference = max(worst(trace, expected, step) for trace in traces for step in range(2))
    assert difference < EXACT[case.task]
    trust_report(f'{world} gloo processes and one, {case}: gradients differ by {difference:.0e}')


@pytest.mark.parametrize('case', [case for case in CASES if not case.with_cp], ids=str)
def test_with_a_batchnorm_for_each_process_gradients_are_averaged(case, ranks, whole, world):
    """As on CPUs, and as in detection: the mean of what each would compute alone, and not what one
    process computes on all pictures."""
    traces = [rank['traces'][str(case), False] for rank in ranks]
    parts = [alone(case, numbers, steps=1) for numbers in pairs(world)]
    mean = {
        name: sum(part.gradients[0][name] for part in parts) / world
        for name in parts[0].gradients[0]
    }
    for trace, part in zip(traces, parts, strict=True):
        assert trace.losses == pytest.approx(part.losses, rel=EXACT[case.task])
        assert worst(trace, Trace([], [mean])) < EXACT[case.task]
    assert worst(traces[0], whole(case)) > 1e-5


def test_slurms_variables_become_torchs(ranks, world):
    """The first node of the list is the one to meet at."""
    for rank, found in enumerate(ranks):
        assert found['environment'] == {
            'RANK': str(rank),
            'LOCAL_RANK': '0',
            'WORLD_SIZE': str(world),
            'MASTER_ADDR': 'localhost',
        }
