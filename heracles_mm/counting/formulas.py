"""Operations of an operator, two for each multiply-add, from the shapes of its arguments."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.flop_counter import conv_flop_count, sdpa_backward_flop_count, sdpa_flop_count

aten = torch.ops.aten
Shape = Sequence[int]


def _conv_backward(
    gradient, x, weight, bias, stride, padding, dilation, transposed, *rest, out_shape
) -> int:
    *_, (input_wanted, weight_wanted, _) = rest
    return (input_wanted + weight_wanted) * conv_flop_count(x, weight, gradient, transposed)


def _attention(q, k, v, *rest, out_shape, **options) -> int:
    return sdpa_flop_count(q, k, v)


def _attention_backward(gradient, q, k, v, *rest, out_shape, **options) -> int:
    return sdpa_backward_flop_count(gradient, q, k, v)


def _fft_c2c(x: Shape, axes: Sequence[int], *rest, out_shape, **options) -> int:
    return 2 * _real_fft(x, axes)


def _fft_r2c(x: Shape, axes: Sequence[int], *rest, out_shape, **options) -> int:
    return _real_fft(x, axes)


def _fft_c2r(x: Shape, axes: Sequence[int], *rest, out_shape, **options) -> int:
    return _real_fft(out_shape, axes)


def _real_fft(shape: Shape, axes: Sequence[int]) -> int:
    """2.5 n log2 n for each transform of n real points, rounded to whole multiply-adds."""
    points = math.prod(shape[axis] for axis in axes)
    transforms = math.prod(shape) // points
    return transforms * 2 * round(1.25 * points * math.log2(points))


FORMULAS: dict[Any, Callable[..., int]] = {
    aten.convolution_backward: _conv_backward,
    aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
    aten._fft_r2c: _fft_r2c,
    aten._fft_c2r: _fft_c2r,
    aten._fft_c2c: _fft_c2c,
}
"""What torch's own counter lacks (FFTs, attention on the CPU), or counts too high: its weight
gradient of a grouped convolution forgets the groups."""
