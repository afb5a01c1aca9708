"""Spectra of real maps (B, H, W, C), half of the bins each, and the way back.

A real map's spectrum is Hermitian, V(-f) = conj V(f), so half of its bins say everything. Of any
spectrum Z the real part of the inverse transform is the inverse of its Hermitian part
(Z(f) + conj Z(-f)) / 2, which has half spectra too: nothing here ever takes a complex transform.

Maps come in float32 or float64, never in a half type.
"""

from typing import NamedTuple

from torch import Tensor

from heracles_mm.errors import UsageError
from heracles_mm.spectral.ffts import irfftn, rfftn

FFT_AXES = ('tokens', 'grid')


class Normalisation(NamedTuple):
    """``norm`` of :mod:`torch.fft` for maps (forward and back) and for kernels (forward)."""

    maps: str
    kernels: str


NORMALISATION = Normalisation(maps='ortho', kernels='backward')
"""Maps go through orthonormal transforms, kernels through unnormalised ones: their product is the
spectrum of the circular convolution, and a map's spectrum has the map's scale at any size. Assumed
(the published diagram says FFT alone) and read off ``python benchmarks/hamsa_normalisation.py``:
with orthonormal kernels the mixing starts at a thousandth of its input, with unnormalised maps
the gates saturate within a hundred steps (up to 70% of a stage), and more on larger pictures."""


def check_fft_axes(fft_axes: str) -> None:
    """Raise a ValueError that names the choices unless ``fft_axes`` is one of them."""
    if fft_axes not in FFT_AXES:
        raise UsageError(f'unknown fft_axes {fft_axes!r}: choose one of {list(FFT_AXES)}')


def half_spectrum(x: Tensor, fft_axes: str, norm: str) -> Tensor:
    """Half spectrum of ``x`` (B, H, W, C), real: over the H W tokens in row-major order, or 2-D.

    Returns:
        (B, H W // 2 + 1, C) for ``'tokens'``, (B, H, W // 2 + 1, C) for ``'grid'``, complex.
    """
    if fft_axes == 'tokens':
        x = x.flatten(1, 2)  # (B, H W, C)
    return rfftn(x, tuple(range(1, x.dim() - 1)), norm)


def from_half_spectrum(z: Tensor, grid: tuple[int, int], fft_axes: str, norm: str) -> Tensor:
    """The real map (B, *grid, C) with the half spectrum ``z``: inverse of :func:`half_spectrum`."""
    size = (grid[0] * grid[1],) if fft_axes == 'tokens' else grid
    y = irfftn(z, tuple(range(1, z.dim() - 1)), size, norm)
    return y.unflatten(1, grid) if fft_axes == 'tokens' else y
