"""What an operator of aten does: its kind of work, and how much of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from heracles_mm.counting.operators import FORMULAS

KINDS = {
    'matmul': 'matrix products',
    'small': 'batches of small matrix products',
    'conv': 'convolutions',
    'depthwise': 'grouped convolutions',
    'attention': 'attention',
    'fft': 'FFTs',
    'special': 'exponentials, roots and their like',
    'copy': 'copies into another order',
    'simple': 'everything else',
}
"""Kind -> what it holds. ``'simple'`` is limited by memory alone, everywhere."""

PER_ELEMENT = ('special', 'copy')
"""Kinds without multiplications and additions: their operations are elements."""

Access = tuple[int, int]
"""A buffer, by a number of its own, and the bytes of it that are read or written."""


@dataclass(frozen=True)
class Launch:
    """An operator that does something.

    Args:
        name: of aten's operator.
        module: dotted name of the module that called it; in a backward pass of the module whose
            gradient it is.
        kind: one of :data:`KINDS`.
        dtype: in which it computes.
        operations: two to each multiply-add, one to each element of kinds ``PER_ELEMENT``.
        kernels: that a GPU runs for it.
        reads, writes: what of which buffer.
        fusible: whether a compiler makes one kernel of it and its neighbours.
    """

    name: str
    module: str
    kind: str
    dtype: torch.dtype
    operations: int
    kernels: int
    reads: tuple[Access, ...]
    writes: tuple[Access, ...]
    fusible: bool = False

    @property
    def bytes(self) -> int:
        return sum(size for _, size in self.reads + self.writes)


aten = torch.ops.aten
OPERATIONS = FlopCounterMode(display=False, custom_mapping=FORMULAS).flop_registry
PRODUCTS = {aten.mm, aten.addmm, aten.bmm, aten.baddbmm}
SMALL = 64
"""A side of matrices below which each product of a batch is a small one."""

COPIES = {aten.clone, aten.copy_, aten._to_copy}
SPECIAL = {
    *(aten.gelu, aten.silu, aten.sigmoid, aten.hypot, aten.exp, aten.tanh, aten.sqrt, aten.rsqrt),
    *(aten.gelu_, aten.silu_, aten.sigmoid_, aten._softmax, aten.gelu_backward, aten.silu_backward),
}
FUSIBLE = {
    *(aten.clone, aten.copy_, aten._to_copy, aten.cat, aten.stack, aten.complex, aten.flip),
    *(aten.roll, aten.zeros, aten.zeros_like, aten.ones_like, aten.index, aten.constant_pad_nd),
    *(aten.slice_backward, aten.select_backward, aten.sum, aten.mean, aten.amax, aten.var_mean),
    *(aten._softmax, aten._softmax_backward_data, aten.native_layer_norm, aten.native_batch_norm),
    *(aten.native_layer_norm_backward, aten.native_batch_norm_backward, aten.silu_backward),
    *(aten.gelu_backward, aten.bernoulli_),
}
"""What inductor writes itself, beside all that torch tags as pointwise."""

UNREAD = {aten.fill_, aten.zero_, aten.bernoulli_, aten.copy_, aten.uniform_, aten.normal_}
"""What writes to its first argument without reading it."""

KERNELS = {
    aten.native_layer_norm_backward: 2,  # gradients of the input; of weight and bias
    aten._scaled_dot_product_efficient_attention_backward: 2,  # sums of rows; everything else
    **dict.fromkeys((aten.slice_backward, aten.select_backward), 2),
    aten.equal: 2,  # the comparison; fetching its answer
}
"""Of an operator on CUDA where it is not one, read in torch 2.12's sources."""

STEP_TENSORS, STEP_NUMBERS = 36, 320 * 65536
"""What one kernel of a fused optimizer takes: MultiTensorApply.cuh, with four lists of tensors."""


def kind_of(operator: Any, args: tuple, out: Any) -> str:
    """The kind of work of an operator (an overload packet of aten) with these arguments."""
    name = operator.__name__
    if operator in PRODUCTS:
        first, second = args[-2:]
        is_small = first.dim() == 3 and min(*first.shape[1:], second.shape[2]) < SMALL
        return 'small' if is_small else 'matmul'
    if operator in COPIES:
        return 'copy' if _order(args[operator is aten.copy_]) != _order(out) else 'simple'
    if name.startswith('convolution'):
        groups = args[9] if name == 'convolution_backward' else args[8]
        return 'conv' if groups == 1 else 'depthwise'
    for word, kind in (('attention', 'attention'), ('_fft_', 'fft')):
        if word in name:
            return kind
    return 'special' if operator in SPECIAL else 'simple'


def _order(x: Tensor) -> list[int]:
    """The axes as they lie in memory, those of one element and repeated ones left out."""
    axes = [axis for axis in range(x.dim()) if x.shape[axis] > 1 and x.stride(axis)]
    return sorted(axes, key=x.stride, reverse=True)


def operations_of(kind: str, operator: Any, args: tuple, kwargs: dict, out: Any) -> int:
    """Operations of one call, as :mod:`heracles_mm.counting` counts them."""
    if operator in OPERATIONS:
        return OPERATIONS[operator](*args, **kwargs, out_val=out)
    if kind in PER_ELEMENT:
        return max(tensor.numel() for tensor in tensors_of(out))
    return 0


def kernels_of(operator: Any, args: tuple, out: Any) -> tuple[int, int]:
    """Kernels of one call on CUDA, and the bytes that they move beyond reading the inputs and
    writing the outputs once."""
    name = operator.__name__
    if name == 'convolution':
        bias, groups = args[2], args[8]  # torch's own kernel for depthwise ones takes the bias
        return (2, 2 * touched(out)) if bias is not None and groups == 1 else (1, 0)
    if name == 'convolution_backward':
        return sum(args[10]), 0  # of input, weight, bias
    if name == 'abs' and args[0].is_complex():  # to complex numbers; a copy of their real part
        return 2, 2 * touched(args[0])
    if name == 'constant_pad_nd':
        return 1 + any(args[1]), 0  # copy, and fill
    if name in ('_fft_r2c', '_fft_c2r', '_fft_c2c'):
        scalings = int(args[2] != 0)
        is_spoilt = name == '_fft_c2r'  # by cuFFT, which is given a copy
        copies = is_spoilt + int(not _is_one_batch(args[0], args[1]))
        moved = scalings * touched(out) + copies * touched(args[0])
        return 1 + scalings + copies, 2 * moved
    if name == '_fused_adamw_':
        numbers = sum(parameter.numel() for parameter in args[0])
        return math.ceil(len(args[0]) / STEP_TENSORS) + numbers // STEP_NUMBERS, 0
    return KERNELS.get(operator, 1), 0


def _is_one_batch(x: Tensor, axes: Sequence[int]) -> bool:
    """Whether all but the axes lie in memory as one axis, which is all that cuFFT takes."""
    kept = {axis % x.dim() for axis in axes}
    places = ((x.stride(i), x.shape[i]) for i in range(x.dim()) if i not in kept and x.shape[i] > 1)
    return all(a == b * n for (a, _), (b, n) in pairwise(sorted(places, reverse=True)))


def is_fusible(overload: Any) -> bool:
    """Whether inductor writes an operator into kernels of its own."""
    return torch.Tag.pointwise in overload.tags or overload.overloadpacket in FUSIBLE


def tensors_of(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def touched(tensor: Tensor) -> int:
    """Bytes of the elements that a tensor shows, those that it repeats counted once."""
    sizes = zip(tensor.shape, tensor.stride(), strict=True)
    return math.prod(size for size, stride in sizes if stride) * tensor.itemsize
