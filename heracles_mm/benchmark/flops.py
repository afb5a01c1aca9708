"""How much arithmetic a call does, and how fast this machine does plain matrix products."""

import torch

from heracles_mm.benchmark.steps import Call
from heracles_mm.counting import counting

MATMUL_SIDE = {'cpu': 2048, 'cuda': 8192}
"""Side of the square matrices of the machine's own rate."""


def count_flops(call: Call) -> int:
    """Floating-point operations of one call, two for each multiply-add.

    As :mod:`heracles_mm.counting` counts, but without FFTs: the figure is set against a matrix
    product's rate.
    """
    with counting() as work:
        call()
    return 2 * sum(count for (_, kind), count in work.items() if kind != 'fft')


def matmul(dtype: torch.dtype, device: torch.device) -> tuple[Call, int]:
    """A square matrix product of the given dtype, and its floating-point operations."""
    side = MATMUL_SIDE[device.type]
    a, b = torch.randn(2, side, side, device=device).to(dtype)
    return lambda: a @ b, 2 * side**3
