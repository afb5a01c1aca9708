"""What an operator of aten costs, and what kind of work it is."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import conv_flop_count, sdpa_backward_flop_count, sdpa_flop_count

from heracles_mm.spectral import SAGU, SpectralFilter, SpectralPulseNet, TokenKernel

KINDS = {
    'conv': 'convolution',
    'linear': 'linear',
    'attention': 'attention',
    'transform': 'transform by matmul',
    'fft': 'FFT',
    'gates': 'spectral gates',
    'other': 'other',
}
"""Kind -> its name in a table. Attention is QK^T and AV alone; its projections are linear. Spectral
gates are the weights of SpectralPulseNet and SAGU."""

aten = torch.ops.aten
LINEAR = {aten.mm, aten.addmm}


def kind_of(operator: Any, modules: Iterable[nn.Module]) -> str:
    """The kind of an operator that runs inside ``modules``.

    A product of two batches of matrices outside of our spectral modules is one of activations with
    each other: attention written out.
    """
    if operator in LINEAR | {aten.bmm, aten.baddbmm}:
        for module in modules:
            if isinstance(module, SAGU | SpectralPulseNet):
                return 'gates'
            if isinstance(module, SpectralFilter | TokenKernel):
                return 'transform'
        return 'linear' if operator in LINEAR else 'attention'
    return next((kind for kind in ('conv', 'fft', 'attention') if kind in str(operator)), 'other')


def _conv_backward(gradient, x, weight, *rest, out_shape) -> int:
    *_, transposed, _, _, (input_wanted, weight_wanted, _) = rest
    return (input_wanted + weight_wanted) * conv_flop_count(x, weight, gradient, transposed)


def _real_fft(shape: Sequence[int], axes: Sequence[int]) -> int:
    """2.5 n log2 n for each transform of n real points, rounded to whole multiply-adds."""
    points = math.prod(shape[axis] for axis in axes)
    transforms = math.prod(shape) // points
    return transforms * 2 * round(1.25 * points * math.log2(points))


FORMULAS: dict[Any, Callable[..., int]] = {
    aten.convolution_backward: _conv_backward,
    aten._scaled_dot_product_flash_attention_for_cpu: (
        lambda q, k, v, *rest, **options: sdpa_flop_count(q, k, v)
    ),
    aten._scaled_dot_product_flash_attention_for_cpu_backward: (
        lambda gradient, q, k, v, *rest, **options: sdpa_backward_flop_count(gradient, q, k, v)
    ),
    aten._fft_r2c: lambda x, axes, *rest, **options: _real_fft(x, axes),
    aten._fft_c2r: lambda x, axes, *rest, out_shape, **options: _real_fft(out_shape, axes),
    aten._fft_c2c: lambda x, axes, *rest, **options: 2 * _real_fft(x, axes),
}
"""Operations (two to a multiply-add) from shapes, where torch's own counter has none or, in its
weight gradient of a grouped convolution, forgets the groups."""
