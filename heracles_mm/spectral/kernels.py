"""HAMSA's learnable convolution kernel in token space."""

import logging
from typing import NamedTuple

import torch
from torch import Tensor, nn

from heracles_mm.errors import UsageError
from heracles_mm.spectral import fourier, tables
from heracles_mm.spectral.eager import is_on_cpu, is_traced, is_transformed
from heracles_mm.spectral.fourier import check_fft_axes
from heracles_mm.spectral.precision import no_autocast
from heracles_mm.spectral.resample import resample_kernel
from heracles_mm.spectral.stored import OnAnyGrid, check_stored
from heracles_mm.spectral.tables import table

logger = logging.getLogger(__name__)

KERNELS = ('complex', 'real')


def check_kernel(kernel: str) -> None:
    """Raise a ValueError that names the choices unless ``kernel`` is one of them."""
    if kernel not in KERNELS:
        raise UsageError(f'unknown kernel {kernel!r}: choose one of {list(KERNELS)}')


class _Cached(NamedTuple):
    grid: tuple[int, int]
    dtype: torch.dtype
    weight: Tensor
    """A copy: torch has no record of every way to write to a weight."""
    spectrum: Tensor

    def is_of(self, grid: tuple[int, int], dtype: torch.dtype, weight: Tensor) -> bool:
        return (
            (self.grid, self.dtype) == (grid, dtype)
            and (self.weight.dtype, self.weight.device) == (weight.dtype, weight.device)
            and torch.equal(self.weight, weight)
        )


class TokenKernel(OnAnyGrid):
    """K = psi_R + j psi_I on a grid of positions, one kernel per channel, and its spectrum.

    The transform of K is not Hermitian but those of psi_R and psi_I are, so half spectra of the two
    give it at every f and -f: K^(f) = R(f) + j I(f) and conj K^(-f) = R(f) - j I(f).

    The spectrum is a function of the weight and computed in every forward pass. On a CPU without
    gradients, in eval mode, it is kept for the last grid and compared with the weight, which costs
    a fraction of the transform; a GPU would have to wait for the answer.

    Args:
        channels: C.
        grid: (H, W) of the map that the kernel is learnt on; other sizes resample it.
        fft_axes: ``'tokens'`` (1-D over the H W positions in row-major order) or ``'grid'`` (2-D).
        kernel: ``'complex'``, or ``'real'`` for psi_I = 0.

    :meth:`forward` gives K^(f) and conj K^(-f) of a complex kernel, (2, C, bins), or K^(f) of a
    real one, (1, C, bins), at half of the bins: H W // 2 + 1, or (H, W // 2 + 1) for ``'grid'``.
    The weight is (2, C, H, W), psi_R and psi_I, or (1, C, H, W), drawn from N(0, 0.02^2).
    """

    def __init__(
        self,
        channels: int,
        grid: tuple[int, int],
        fft_axes: str = 'tokens',
        kernel: str = 'complex',
    ) -> None:
        super().__init__()
        check_fft_axes(fft_axes)
        check_kernel(kernel)
        self.channels = channels
        self.fft_axes = fft_axes
        parts = 2 if kernel == 'complex' else 1
        self.weight = nn.Parameter(torch.randn(parts, channels, *grid) * 0.02)
        self._cached: _Cached | None = None

    def forward(self, grid: tuple[int, int], dtype: torch.dtype) -> Tensor:
        """The spectrum for maps of ``grid``, computed in ``dtype`` (float32 or float64)."""
        if (
            self.training or torch.is_grad_enabled() or is_traced() or is_transformed()
        ) or not is_on_cpu(self.weight):
            return self._spectrum(grid, dtype)
        weight, cached = self.weight.detach(), self._cached
        if cached is None or not cached.is_of(grid, dtype, weight):
            spectrum = self._spectrum(grid, dtype)
            cached = self._cached = _Cached(grid, dtype, weight.clone(), spectrum)
        return cached.spectrum

    def _spectrum(self, grid: tuple[int, int], dtype: torch.dtype) -> Tensor:
        with no_autocast(self.weight):
            weight = resample_kernel(self.weight.to(dtype), grid, self.fft_axes)
            if self.fft_axes == 'tokens':
                weight = weight.flatten(2)
            axes, norm = tuple(range(2, weight.dim())), fourier.NORMALISATION.kernels
            parts = torch.fft.rfftn(weight, dim=axes, norm=norm)
            if len(parts) == 1:
                return parts
            pair = table(tables.complex_pair, weight, 2)
            return (pair @ parts.flatten(1)).view(parts.shape)  # R + j I and R - j I

    def extra_repr(self) -> str:
        parts, channels, height, width = self.weight.shape
        kernel = 'complex' if parts == 2 else 'real'
        return f'{channels}, grid=({height}, {width}), {self.fft_axes}, {kernel}'

    def _fit(self, weight: Tensor, key: str) -> Tensor:
        parts, channels, *grid = self.weight.shape
        check_stored(weight, key, (parts, channels), 'kernel')
        if list(weight.shape[2:]) != grid:
            logger.info('%s: resampled from %s to %s', key, tuple(weight.shape[2:]), tuple(grid))
            weight = resample_kernel(weight, (grid[0], grid[1]), self.fft_axes)
        return weight
