"""How much arithmetic a call does, and how fast this machine does plain matrix products."""

import torch
from torch.utils.flop_counter import (
    FlopCounterMode,
    conv_flop_count,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)

from heracles_mm.benchmark.steps import Call

MATMUL_SIDE = {'cpu': 2048, 'cuda': 8192}
"""Side of the square matrices of the machine's own rate."""

aten = torch.ops.aten


def count_flops(call: Call) -> int:
    """Floating-point operations of one call, two for each multiply-add.

    Counts matrix products, convolutions and fused attention, and what registers a formula of its
    own with torch; not FFTs, elementwise work and reductions. The weight gradient of a grouped
    convolution is counted as its forward pass (torch's own formula forgets the groups), and
    attention on the CPU, for which torch has no formula, like attention elsewhere.
    """
    formulas = {
        aten.convolution_backward: _conv_backward,
        aten._scaled_dot_product_flash_attention_for_cpu: _attention,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
    }
    with FlopCounterMode(display=False, custom_mapping=formulas) as counter:
        call()
    return counter.get_total_flops()


def matmul(dtype: torch.dtype, device: torch.device) -> tuple[Call, int]:
    """A square matrix product of the given dtype, and its floating-point operations."""
    side = MATMUL_SIDE[device.type]
    a, b = torch.randn(2, side, side, device=device).to(dtype)
    return lambda: a @ b, 2 * side**3


def _conv_backward(
    gradient, x, weight, bias, stride, padding, dilation, transposed, *rest, out_shape
) -> int:
    *_, (input_wanted, weight_wanted, _) = rest
    return (input_wanted + weight_wanted) * conv_flop_count(x, weight, gradient, transposed)


def _attention(q, k, v, *rest, out_shape, **options) -> int:
    return sdpa_flop_count(q, k, v)


def _attention_backward(gradient, q, k, v, *rest, out_shape, **options) -> int:
    return sdpa_backward_flop_count(gradient, q, k, v)
