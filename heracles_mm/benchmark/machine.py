"""What the figures were taken on."""

import os
import platform
from pathlib import Path

import torch

import heracles_mm

THREAD_AND_ALLOCATOR = ('OMP_', 'MKL_', 'KMP_', 'GOMP_', 'MALLOC_', 'LD_PRELOAD', 'PYTORCH_')


def environment(device: torch.device) -> dict[str, object]:
    """Versions, processor, threads and the variables that steer threads and allocators."""
    return {
        'heracles_mm': heracles_mm.__version__,
        'torch': torch.__version__,
        'python': platform.python_version(),
        'device': torch.cuda.get_device_name(device) if device.type == 'cuda' else 'CPU',
        'cpu': _cpu_name(),
        'cpu_capability': torch.backends.cpu.get_cpu_capability(),
        'cpu_cores': os.cpu_count(),
        'threads': torch.get_num_threads(),
        'variables': {
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith(THREAD_AND_ALLOCATOR)
        },
    }


def load() -> float | None:
    """Processes that wanted to run, averaged over the last minute; None where nobody counts."""
    return os.getloadavg()[0] if hasattr(os, 'getloadavg') else None


def _cpu_name() -> str:
    info = Path('/proc/cpuinfo')
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    return platform.processor() or platform.machine()
