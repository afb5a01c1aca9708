"""The peaks of the CPU at hand, by one call of each kind of work."""

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from heracles_mm.benchmark.machine import environment
from heracles_mm.benchmark.timing import Budget, interleave
from heracles_mm.benchmark.workloads import Call, matmul
from heracles_mm.roofline.devices import Device
from heracles_mm.roofline.recording import Recorder

DTYPES = {'float32': torch.float32, 'bfloat16': torch.bfloat16, 'float16': torch.float16}
LEVELS = [2**power for power in (18, 20, 22, 24, 26, 28)]
"""Bytes of a working set whose speed is measured, from a cache of the first level to memory."""

Progress = Callable[[str], None]


def measure(budget: Budget, on_progress: Progress) -> Device:
    """This CPU with as many threads as torch uses: the best round of each call."""
    rates: dict[str, dict[str, float]] = {}

    def fastest(name: str, call: Call) -> float:
        on_progress(name)
        return min(interleave({name: call}, budget, seed=0)[name])

    with torch.no_grad():
        for kind, dtype, call in _calls():
            seconds = fastest(f'{kind}, {dtype}', call)
            rates.setdefault(kind, {})[dtype] = _operations(call) / seconds
        memory, new_memory = [], []
        for size in LEVELS:
            count = max(1, LEVELS[-1] // 16 // size)  # long enough for the clock
            x = torch.zeros(size // 4)
            kept = fastest(f'{size} bytes', _repeat(x.add_, count))
            made = fastest(f'{size} bytes anew', _repeat(x.add, count))
            memory.append((float(size), 2 * size * count / kept))
            new_memory.append((float(size), size * count / max(made - kept, 1e-9)))
        launch = fastest('launch', _repeat(torch.zeros(1).add_, 1000)) / 1000
    for levels in (memory, new_memory):
        levels[-1] = (math.inf, levels[-1][1])
    about = environment(torch.device('cpu'))
    source = f'measured on {about["cpu"]}, {about["threads"]} threads, torch {about["torch"]}'
    return Device('cpu', source, rates, tuple(memory), launch, False, tuple(new_memory))


def _repeat(add: Callable[[int], Tensor], count: int) -> Call:
    def call() -> None:
        for _ in range(count):
            add(1)

    return call


def _calls() -> Iterator[tuple[str, str, Call]]:
    """(kind of work, dtype, call)."""
    cpu = torch.device('cpu')
    for name, dtype in DTYPES.items():
        draw = partial(torch.randn, dtype=dtype)
        yield 'matmul', name, matmul(dtype, cpu)[0]
        windows = draw(1536, 49, 32)
        yield 'small', name, partial(torch.bmm, windows, windows.mT)
        x, dense = draw(8, 56, 56, 64).permute(0, 3, 1, 2), draw(64, 64, 3, 3)
        yield 'conv', name, partial(F.conv2d, x, dense, padding=1)
        wide, each = draw(1, 56, 56, 512).permute(0, 3, 1, 2), draw(512, 1, 3, 3)
        yield 'depthwise', name, partial(F.conv2d, wide, each, padding=1, groups=512)
        q = draw(8, 8, 784, 32)
        yield 'attention', name, partial(F.scaled_dot_product_attention, q, q, q)
        heads = draw(64, 49, 3, 3, 32).permute(2, 0, 3, 1, 4)
        yield 'copy', name, heads.contiguous
        hidden = draw(56, 56, 64)
        yield 'special', name, partial(F.gelu, hidden)
    maps = torch.randn(8, 3136, 64)
    yield 'fft', 'float32', partial(torch.fft.rfft, maps, dim=1)


def _operations(call: Call) -> int:
    with torch.no_grad(), Recorder({}, as_cuda=False) as recorder:
        call()
    return sum(launch.operations for launch in recorder.launches)
