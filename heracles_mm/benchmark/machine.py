"""What the figures were taken on."""

import os
import platform
import re
from pathlib import Path

import torch

import heracles_mm

VARIABLES = ('OMP_', 'MKL_', 'KMP_', 'GOMP_', 'MALLOC_', 'LD_PRELOAD', 'PYTORCH_')


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
        'variables': {n: os.environ[n] for n in sorted(os.environ) if n.startswith(VARIABLES)},
    }


def load() -> float | None:
    """Processes that wanted to run, averaged over the last minute; None where nobody counts."""
    return os.getloadavg()[0] if hasattr(os, 'getloadavg') else None


def _cpu_name() -> str:
    info = Path('/proc/cpuinfo')
    names = re.findall(r'model name\s*: (.*)', info.read_text()) if info.is_file() else []
    return names[0] if names else platform.processor() or platform.machine()
