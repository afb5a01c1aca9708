"""Spectral code computes in float32 or float64, whatever autocast says."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from heracles_mm.errors import UsageError

NAMES = {
    (-2, -1): ('H and W', '(..., H, W)'),
    (-3, -2): ('H and W', '(..., H, W, C)'),
    (-1,): ('T', '(..., T)'),
    (-2,): ('T', '(..., T, C)'),
}
"""Transformed axes, counted from the end -> what they and the whole tensor are called."""


def check_real(x: Tensor, least_dims: int = 2, axes: tuple[int, ...] = (-2, -1)) -> None:
    """Refuse what has no transform over ``axes``, counted from the end.

    Raises:
        TypeError: ``x`` is not a real floating-point tensor.
        ValueError: ``x`` has too few dimensions or an empty transformed axis.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        what = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise UsageError(
            f'expected a real floating-point tensor, got {what}: convert with .float()'
        )
    sides, names = NAMES.get(axes, NAMES[-2, -1])
    least_dims = max(least_dims, *(-axis for axis in axes), 0)
    if x.dim() < least_dims:
        raise UsageError(f'expected at least {least_dims} dimensions {names}, got {tuple(x.shape)}')
    if any(x.shape[axis] == 0 for axis in axes):
        raise UsageError(f'expected {sides} of at least 1, got shape {tuple(x.shape)}')


def check_map(x: Tensor, channels: int) -> None:
    """Refuse what is no real map (B, H, W, channels).

    Raises:
        TypeError: ``x`` is not a real floating-point tensor.
        ValueError: ``x`` has another shape, or H or W of 0.
    """
    check_real(x, least_dims=0, axes=())
    if x.dim() != 4 or x.shape[-1] != channels:
        raise UsageError(f'expected a map of shape (B, H, W, {channels}), got {tuple(x.shape)}')
    if 0 in x.shape[1:3]:
        raise UsageError(f'expected H and W of at least 1, got shape {tuple(x.shape)}')


def at_least_float32(x: Tensor) -> Tensor:
    """``x`` in float32, or in float64 where it is so already (half types are not precise enough
    for a sum over a whole map, and cuFFT takes them at powers of two only)."""
    return x if x.dtype == torch.float64 else x.float()


def product_dtype(x: Tensor) -> torch.dtype:
    """In which a product of spectra with a weight is computed: that of ``x``, float32 at least, or
    bfloat16 where autocast says so.

    Never float16: the bin of a map's mean is the square root of its positions times that mean, and
    past the range from a mean of 259 on at 800x1280 px, with kernels of gain 1 (the error analysis
    is in docs/hamsa.md).
    """
    device = x.device.type
    if x.dtype == torch.float64:
        return torch.float64
    is_cast = _has_autocast(device) and torch.is_autocast_enabled(device)
    if is_cast and torch.get_autocast_dtype(device) == torch.bfloat16:
        return torch.bfloat16
    return torch.float32


def no_autocast(x: Tensor) -> AbstractContextManager:
    """A context in which autocast leaves operations on the device of ``x`` alone."""
    device = x.device.type
    return torch.autocast(device, enabled=False) if _has_autocast(device) else nullcontext()


def _has_autocast(device: str) -> bool:
    if torch.compiler.is_compiling():  # torch 2.6 cannot trace the question
        return device != 'meta'
    return torch.amp.is_autocast_available(device)
