"""Learnable diagonal filters on a frequency grid."""

import logging
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from heracles_mm.errors import UsageError
from heracles_mm.spectral import tables
from heracles_mm.spectral.eager import keep_traced_size
from heracles_mm.spectral.ffts import irfftn, rfftn
from heracles_mm.spectral.precision import at_least_float32, check_real, no_autocast
from heracles_mm.spectral.resample import resample_filter
from heracles_mm.spectral.stored import OnAnyGrid, check_stored
from heracles_mm.spectral.tables import table
from heracles_mm.spectral.transforms import Axes, dctn, dhtn, idctn, reverse_frequencies

logger = logging.getLogger(__name__)


class _Transform(NamedTuple):
    forward: Callable[[Tensor, Axes], Tensor]
    inverse: Callable[[Tensor, Axes], Tensor]
    periodic: bool


TRANSFORMS = {
    'cosine': _Transform(dctn, idctn, periodic=False),
    'hartley': _Transform(dhtn, dhtn, periodic=True),
}

PRODUCTS = ('gate', 'convolution')


def check_kind(transform: str, product: str) -> None:
    """Raise a ValueError for a transform or product, or a pair of them, that does not exist."""
    if transform not in TRANSFORMS:
        raise UsageError(f'unknown transform {transform!r}: choose one of {list(TRANSFORMS)}')
    if product not in PRODUCTS:
        raise UsageError(f'unknown product {product!r}: choose one of {list(PRODUCTS)}')
    if transform == 'cosine' and product != 'gate':
        raise UsageError(f"product {product!r} needs transform='hartley', got 'cosine'")


class SpectralFilter(OnAnyGrid):
    """Global filter: transform, one real weight per channel and frequency, inverse transform.

    ``transform='cosine'`` is the "-C" variant of Heracles (DCT-II / DCT-III), ``'hartley'`` the
    plain one. Orthonormal transforms are used; another normalisation gives the same function of
    the same weights, since it cancels between transform and inverse.

    ``product`` says what the weight means on Hartley spectra. ``'gate'`` multiplies bin by bin, as
    Heracles does; that equals a circular convolution for the even part of the weight only. With
    ``'convolution'`` the weight is the (unnormalised) Hartley spectrum of a kernel, and the true
    convolution theorem is used:
    ``H_y(f) = H_x(f) K_even(f) + H_x(-f) K_odd(f)``, which commutes with every circular shift.

    Args:
        channels: C.
        grid: (H, W) of the map, or (T,) of the series, that the weight is learnt on; other sizes
            resample the weight.
        transform: ``'cosine'`` or ``'hartley'``.
        product: ``'gate'`` or ``'convolution'`` (``'hartley'`` only).

    Shapes: (B, C, H, W), or (B, H, W, C) with ``channels_last``, to the same, any H and W, and of
    series (B, C, T) or (B, T, C), any T; the dtype is kept, the computation is in float32 at least.
    The weight is (C, *grid), drawn from N(0, 0.02^2).
    """

    def __init__(
        self,
        channels: int,
        grid: tuple[int, ...],
        transform: str = 'cosine',
        product: str = 'gate',
    ) -> None:
        super().__init__()
        check_kind(transform, product)
        self.transform = transform
        self.product = product
        self.weight = nn.Parameter(torch.randn(channels, *grid) * 0.02)

    def forward(self, x: Tensor, channels_last: bool = False) -> Tensor:
        count = self.weight.dim() - 1
        axes = tuple(range(-count - channels_last, -channels_last))
        check_real(x, least_dims=count + 1, axes=axes)
        x = keep_traced_size(x, axes)
        weight = self.weight_on(tuple(x.shape[axis] for axis in axes), x)
        return self.filtered(x, weight.movedim(0, -1) if channels_last else weight, axes)

    def weight_on(self, grid: tuple[int, ...], x: Tensor) -> Tensor:
        """The weight for ``x`` of a ``grid``, (C, *grid), in the dtype of the computation."""
        with no_autocast(x):
            weight = self.weight.to(torch.promote_types(x.dtype, torch.float32))
            return resample_filter(weight, grid, TRANSFORMS[self.transform].periodic)

    def filtered(self, x: Tensor, weight: Tensor, axes: Axes) -> Tensor:
        """Maps or series through a weight of their own grid and layout."""
        forward, inverse, _ = TRANSFORMS[self.transform]
        with no_autocast(x):
            y = at_least_float32(x)
            if self.product == 'convolution':
                return _convolve(y, weight, axes).to(x.dtype)
            return inverse(forward(y, axes) * weight, axes).to(x.dtype)

    def extra_repr(self) -> str:
        channels, *grid = self.weight.shape
        return f'{channels}, grid={tuple(grid)}, {self.transform}, {self.product}'

    def _fit(self, weight: Tensor, key: str) -> Tensor:
        channels, *grid = self.weight.shape
        check_stored(weight, key, (channels,), 'filter', axes=len(grid))
        if list(weight.shape[1:]) != grid:
            logger.info('%s: resampled from %s to %s', key, tuple(weight.shape[1:]), tuple(grid))
            periodic = TRANSFORMS[self.transform].periodic
            weight = resample_filter(weight, tuple(grid), periodic)
        return weight


def _convolve(x: Tensor, kernel: Tensor, axes: Axes) -> Tensor:
    """The circular convolution of ``x`` with the signal of a Hartley spectrum ``kernel``.

    The same as ``H_x(f) K_even(f) + H_x(-f) K_odd(f)`` by the half spectra of real signals, since
    K_even - j K_odd, the kernel's DFT, is (1 - j) / 2 (K(f) + j K(-f)).
    """
    both = torch.complex(kernel, reverse_frequencies(kernel, axes))
    half = both.narrow(axes[-1], 0, x.shape[axes[-1]] // 2 + 1)
    y = rfftn(x, axes) * (half * table(tables.cas_pair_to_dft, kernel, 1))
    return irfftn(y, axes, [x.shape[axis] for axis in axes])
