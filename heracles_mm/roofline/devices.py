"""What a device can do at best: published for GPUs, measured for the CPU at hand."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from heracles_mm.errors import UserError

Rates = Mapping[str, Mapping[str, float]]

EAGER_LAUNCH, GRAPH_LAUNCH = 5e-6, 1e-6
"""Seconds from kernel to kernel of a GPU that waits for Python, and inside a CUDA graph: assumed.
Eager torch needs 4 to 10 microseconds for an operator on today's processors."""


@dataclass(frozen=True)
class Device:
    """Peaks.

    Args:
        name: on the command line and in tables.
        source: where the figures are from.
        rates: kind of work -> dtype -> operations per second; no entry where only memory limits.
        memory: (bytes, bytes per second): how fast data are reached that lie at most so many bytes
            back, from the nearest cache to memory, whose bytes are infinite.
        launch: seconds that each kernel or, on a CPU, operator costs beyond its work.
        is_cuda: whether operators are those of CUDA.
        new_memory: (bytes, bytes per second): how fast blocks of at most so many bytes are made
            ready to be written to, beyond the writing itself; empty where they are kept, as CUDA's
            are.
    """

    name: str
    source: str
    rates: Rates
    memory: tuple[tuple[float, float], ...]
    launch: float
    is_cuda: bool
    new_memory: tuple[tuple[float, float], ...] = ()

    def rate(self, kind: str, dtype: torch.dtype) -> float:
        """Operations per second; complex numbers are pairs of real ones."""
        real = dtype.to_real() if dtype.is_complex else dtype
        return self.rates.get(kind, {}).get(str(real).removeprefix('torch.'), math.inf)

    def bandwidth(self, distance: float) -> float:
        """Bytes per second of data that lie so many bytes back."""
        return next(speed for reach, speed in self.memory if distance <= reach)

    def allocation(self, size: float) -> float:
        """Seconds until a new block of so many bytes can be written to."""
        return next((size / speed for reach, speed in self.new_memory if size <= reach), 0.0)


def _gpu(
    name: str, source: str, vector: float, matrix: Mapping[str, float], bandwidth: float
) -> Device:
    """Of teraoperations per second of ordinary and of tensor cores, dense, and terabytes per
    second. torch lets float32 convolutions round to TF32 and products not, by default."""
    ordinary = dict.fromkeys(('float32', 'float16', 'bfloat16'), vector * 1e12)
    tensor = {dtype: rate * 1e12 for dtype, rate in matrix.items()}
    products = ordinary | {dtype: rate for dtype, rate in tensor.items() if dtype != 'tf32'}
    convolutions = products | {'float32': tensor.get('tf32', vector * 1e12)}
    rates = dict(matmul=products, small=products, attention=products, conv=convolutions)
    rates |= dict.fromkeys(('depthwise', 'fft'), ordinary)
    return Device(name, source, rates, ((math.inf, bandwidth * 1e12),), EAGER_LAUNCH, is_cuda=True)


GPUS = {
    device.name: device
    for device in (
        _gpu(
            'V100',
            # SXM2, WP-08608-001 v1.1, table 1 and page 10
            'published, NVIDIA Tesla V100 GPU Architecture',
            15.7,
            {'float16': 125},
            0.9,
        ),
        _gpu(
            'A100',
            # SXM, 80 GB; the datasheet's figures without sparsity
            'published, NVIDIA A100 Tensor Core GPU datasheet',
            19.5,
            {'float16': 312, 'bfloat16': 312, 'tf32': 156},
            2.039,
        ),
        _gpu(
            'H100',
            # SXM5, dense: half of what the datasheet gives with sparsity
            'published, NVIDIA H100 Tensor Core GPU datasheet',
            67,
            {'float16': 989.4, 'bfloat16': 989.4, 'tf32': 494.7},
            3.35,
        ),
        _gpu(
            'RTX4090',
            # appendix A: tensor cores with float32 accumulation, dense, as torch uses them
            'published, NVIDIA Ada GPU Architecture',
            82.6,
            {'float16': 165.2, 'bfloat16': 165.2, 'tf32': 82.6},
            1.008,
        ),
    )
}
"""By name. A V100 has no bfloat16 in its tensor cores."""


def device_of(text: str) -> Device:
    """The GPU of a name, or what was measured and written to the file of a path.

    Raises:
        UserError: neither.
    """
    if text in GPUS:
        return GPUS[text]
    names = ', '.join(GPUS)
    if not text.endswith('.json'):
        raise UserError(f'unknown device {text!r}: choose {names}, or a file of --measure')
    try:
        return read_device(Path(text))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f'{text} holds no measured device ({error}): make one with --measure {text}'
        ) from error


def write_device(path: Path, device: Device) -> None:
    """To JSON; a level without end has null bytes."""
    levels = {
        name: [(None if math.isinf(reach) else reach, speed) for reach, speed in found]
        for name, found in (('memory', device.memory), ('new_memory', device.new_memory))
    }
    path.write_text(json.dumps({**asdict(device), **levels}, indent=1) + '\n')


def read_device(path: Path) -> Device:
    fields = json.loads(path.read_text())
    for name in ('memory', 'new_memory'):
        levels = ((math.inf if reach is None else reach, speed) for reach, speed in fields[name])
        fields[name] = tuple(levels)
    return Device(**fields)
