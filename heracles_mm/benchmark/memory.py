"""Peak memory of a call, counted in bytes that torch's allocator handed out."""

import json
import os
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.autograd.profiler import profile

from heracles_mm.benchmark.steps import Call


def peak_bytes(call: Call, device: torch.device) -> int:
    """The most bytes that a call holds at one moment, beyond what was held before it."""
    if device.type == 'cuda':
        return _cuda_peak(call)
    live = peak = 0
    for change in _allocations(call):
        live += change
        peak = max(peak, live)
    return peak


def held_bytes(model: nn.Module, x: Tensor) -> int:
    """What lies in memory before the first call: parameters, buffers and the input."""
    return sum(t.nbytes for t in (*model.parameters(), *model.buffers(), x))


def _allocations(call: Call) -> list[int]:
    """Bytes taken (positive) and given back (negative), in order of time.

    torch's profiler records every call of the CPU allocator, those inside an operator and inside
    compiled code too.
    """
    os.environ.setdefault('KINETO_LOG_LEVEL', '99')  # it tells stderr that it starts and stops
    with profile(profile_memory=True) as profiler:
        call()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'trace.json'
        profiler.export_chrome_trace(str(path))
        events = json.loads(path.read_text())['traceEvents']
    changes = [(e['ts'], e['args']['Bytes']) for e in events if e['name'] == '[memory]']
    return [change for _, change in sorted(changes, key=lambda change: change[0])]


def _cuda_peak(call: Call) -> int:
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before
