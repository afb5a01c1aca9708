"""Orthonormal cosine and Hartley transforms over one axis or two neighbouring ones, at any size.

Each function takes a real tensor: of maps (..., H, W) or, with ``axes=(-3, -2)``, (..., H, W, C),
of series (..., T) with ``axes=(-1,)`` or (..., T, C) with ``axes=(-2,)``. It computes in float32
(float64 stays float64) outside autocast and returns the shape and dtype it was given. All are
linear and orthogonal: Parseval holds and the adjoint is the inverse. Axes up to a measured limit go
through a matrix product with a cached table, longer ones through an FFT; both give the same
numbers.

float32 results are within 1e-5 (relative, in norm) of float64 unless the user lets CUDA round
matrix products to TF32 (``torch.backends.cuda.matmul.allow_tf32``, off by default).

Errors: TypeError for a tensor that is not real floating-point, ValueError for fewer axes than
needed or an empty one.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from heracles_mm.spectral import tables
from heracles_mm.spectral.ffts import irfftn, rfftn
from heracles_mm.spectral.precision import at_least_float32, check_real, no_autocast
from heracles_mm.spectral.tables import table

Axes = tuple[int, ...]
"""Where H and W, or T alone, stand, counted from the end: (-2, -1) or (-1,), and one before that
with the channels after them."""

DCT_MATMUL_LIMIT = 1024
DHT_MATMUL_LIMIT = 64
"""Longest axis (samples) that goes through a matrix product, read off
``python benchmarks/transform_routes.py`` on two CPU cores: for the cosine transform the product
wins at every size of a feature map (0.1 to 0.8 of the FFT's time up to 1024), for the Hartley
transform, whose FFT needs no reordering, the two are even up to about 64 and the FFT wins
beyond."""


def dct2(x: Tensor, axes: Axes = (-2, -1)) -> Tensor:
    """2-D DCT-II of ``x``: :func:`dctn` over H and W."""
    return dctn(x, axes)


def idct2(x: Tensor, axes: Axes = (-2, -1)) -> Tensor:
    """2-D DCT-III of ``x``: the inverse of :func:`dct2`."""
    return idctn(x, axes)


def dht2(x: Tensor, axes: Axes = (-2, -1)) -> Tensor:
    """2-D Hartley transform of ``x``: :func:`dhtn` over H and W."""
    return dhtn(x, axes)


def dctn(x: Tensor, axes: Axes) -> Tensor:
    """DCT-II of ``x``, orthonormal (``scipy.fft.dctn``, type 2, norm ortho)."""
    check_real(x, axes=axes)
    with no_autocast(x):
        y = at_least_float32(x)
        for axis in reversed(axes):
            if x.shape[axis] > DCT_MATMUL_LIMIT:
                y = _dct(y.movedim(axis, -1)).movedim(-1, axis)
            else:
                y = multiply(_table(tables.dct_matrix, y, axis), y, axis)
    return y.to(x.dtype)


def idctn(x: Tensor, axes: Axes) -> Tensor:
    """DCT-III of ``x``, orthonormal: the inverse of :func:`dctn`."""
    check_real(x, axes=axes)
    with no_autocast(x):
        y = at_least_float32(x)
        for axis in axes:
            if x.shape[axis] > DCT_MATMUL_LIMIT:
                y = _idct(y.movedim(axis, -1)).movedim(-1, axis)
            else:
                y = multiply(_table(tables.dct_matrix, y, axis).mT, y, axis)
    return y.to(x.dtype)


def dhtn(x: Tensor, axes: Axes) -> Tensor:
    """Hartley transform of ``x``, orthonormal: Re F - Im F of the DFT F.

    The kernel is cas a, cas t = cos t + sin t, and over two axes cas(a + b), not the separable
    cas a cas b; the transform is its own inverse (Bracewell 1986).
    """
    check_real(x, axes=axes)
    with no_autocast(x):
        y = at_least_float32(x)
        longest = max(x.shape[axis] for axis in axes)
        y = _dht_fft(y, axes) if longest > DHT_MATMUL_LIMIT else _dht_matmul(y, axes)
    return y.to(x.dtype)


def reverse_frequencies(x: Tensor, axes: Axes = (-2, -1)) -> Tensor:
    """``x(-f)``: each frequency axis negated modulo its length."""
    return x.flip(axes).roll((1,) * len(axes), axes)


def _table(builder: tables.Builder, x: Tensor, axis: int) -> Tensor:
    return table(builder, x, x.shape[axis])


def multiply(matrix: Tensor, x: Tensor, axis: int) -> Tensor:
    """``matrix`` (m, n) on one axis of ``x``, which is never transposed for it."""
    if axis == -1:
        return x @ matrix.mT
    if axis == -2:
        return matrix @ x
    y = matrix @ x.flatten(axis + 1)  # one product for all axes after it
    return y.unflatten(-1, x.shape[axis + 1 :])


def _dct(x: Tensor) -> Tensor:
    """1-D DCT-II over the last axis by one real FFT of the same length (Makhoul 1980)."""
    n = x.shape[-1]
    ordered = torch.cat((x[..., 0::2], x[..., 1::2].flip(-1)), dim=-1)
    z = rfftn(ordered, (-1,)) * _table(tables.dct_phase, x, -1)  # (..., n // 2 + 1)
    # Y_k = Re z_k for k <= n / 2 and Y_{n-k} = -Im z_k for the rest.
    return torch.cat((z.real, -z.imag[..., 1 : (n + 1) // 2].flip(-1)), dim=-1)


def _idct(x: Tensor) -> Tensor:
    """1-D DCT-III over the last axis: every step of :func:`_dct` undone in reverse order."""
    n = x.shape[-1]
    zero = torch.zeros_like(x[..., :1])
    mirrored = torch.cat((zero, x[..., (n + 1) // 2 :].flip(-1)), dim=-1)  # Y_{n-k}, with Y_n = 0
    z = torch.complex(x[..., : n // 2 + 1], -mirrored)
    ordered = irfftn(z / _table(tables.dct_phase, x, -1), (-1,), (n,))
    half = (n + 1) // 2
    odd = F.pad(ordered[..., half:].flip(-1), (0, n % 2))
    return torch.stack((ordered[..., :half], odd), dim=-1).flatten(-2)[..., :n]


def _dht_matmul(x: Tensor, axes: Axes) -> Tensor:
    """Over one axis a product; cas(a + b) = cos a cas b + sin a cas(-b) over two: one product makes
    both factors of b of each row, one sums them over the rows."""
    *first, last = axes
    if not first:
        return multiply(_table(tables.cas_matrix, x, last), x, last)
    both = multiply(_table(tables.cas_pair, x, last), x, last)  # (..., H, 2 W, ...)
    rows = list(x.shape)
    rows[axes[0]] *= 2
    return multiply(_table(tables.cos_sin_pairs, x, axes[0]), both.reshape(rows), axes[0])


def _dht_fft(x: Tensor, axes: Axes) -> Tensor:
    """Re F - Im F from the half spectrum; the other half is Re F(-f) + Im F(-f)."""
    *first, last = axes
    z = rfftn(x, axes, 'ortho')  # W // 2 + 1 frequencies along the last axis
    count = (x.shape[last] + 1) // 2 - 1
    other = (z.real + z.imag).narrow(last, 1, count).flip(axes)
    for axis in first:
        other = other.roll(1, axis)
    return torch.cat((z.real - z.imag, other), dim=last)
