"""Arithmetic and memory of a call."""

import json
import os
import tempfile
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.autograd.profiler import profile

from heracles_mm.benchmark.workloads import Call
from heracles_mm.counting import count


def count_flops(call: Call) -> int:
    """Floating-point operations of one call, two for each multiply-add.

    As :mod:`heracles_mm.counting` counts, but without FFTs: the figure is set against a matrix
    product's rate.
    """
    return 2 * sum(number for (_, kind), number in count(call).items() if kind != 'fft')


def held_bytes(model: nn.Module, x: Tensor) -> int:
    """What lies in memory before the first call: parameters, buffers and the input."""
    return sum(t.nbytes for t in (*model.parameters(), *model.buffers(), x))


def peak_bytes(call: Call, device: torch.device) -> int:
    """The most bytes that a call holds at one moment beyond what was held before it.

    Those that torch's allocator hands out: its profiler records them on the CPU too, inside an
    operator and inside compiled code.
    """
    if device.type == 'cuda':
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    os.environ.setdefault('KINETO_LOG_LEVEL', '99')  # else it logs its start and stop to stderr
    with profile(profile_memory=True) as profiler:
        call()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'trace.json'
        profiler.export_chrome_trace(str(path))
        events = json.loads(path.read_text())['traceEvents']
    memory = sorted((e for e in events if e['name'] == '[memory]'), key=lambda event: event['ts'])
    return max(accumulate((event['args']['Bytes'] for event in memory), initial=0))
