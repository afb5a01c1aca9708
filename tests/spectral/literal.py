"""HAMSA's formula as the diagram gives it, with full complex transforms in complex128.

No bin is saved and no complex number is split: what the package computes is held against this.
"""

import torch
from torch import Tensor

from heracles_mm.spectral import SASS
from heracles_mm.spectral.fourier import NORMALISATION


def fft(x: Tensor, fft_axes: str, norm: str) -> Tensor:
    """(B, H, W, C) to all its bins, (B, H W, C) or (B, H, W, C)."""
    if fft_axes == 'tokens':
        return torch.fft.fft(x.to(torch.complex128).flatten(1, 2), dim=1, norm=norm)
    return torch.fft.fft2(x.to(torch.complex128), dim=(1, 2), norm=norm)


def ifft(z: Tensor, grid: tuple[int, int], fft_axes: str, norm: str) -> Tensor:
    if fft_axes == 'tokens':
        return torch.fft.ifft(z, dim=1, norm=norm).unflatten(1, grid)
    return torch.fft.ifft2(z, dim=(1, 2), norm=norm)


def pulse(sass: SASS, spectrum: Tensor) -> Tensor:
    gate = sass.pulse.gate
    return spectrum * torch.sigmoid(spectrum.abs() @ gate.weight.double().T + gate.bias.double())


def sagu(sass: SASS, spectrum: Tensor, imaginary_w1: Tensor | None = None) -> Tensor:
    """``imaginary_w1``: what a real-kernel SAGU leaves out, which must not matter."""
    w1 = sass.sagu.w1.double()
    w1 = torch.complex(w1[0], w1[1] if len(w1) == 2 else imaginary_w1)
    return (spectrum @ w1) * torch.sigmoid(spectrum.abs() @ sass.sagu.w2.double())


def kernel_spectrum(sass: SASS) -> Tensor:
    """FFT(psi_R + j psi_I), (1, bins, C)."""
    weight = sass.kernel.weight.double()
    imaginary = weight[1] if len(weight) == 2 else torch.zeros_like(weight[0])
    kernel = torch.complex(weight[0], imaginary)  # (C, H, W)
    return fft(kernel.permute(1, 2, 0)[None], sass.fft_axes, NORMALISATION.kernels)


@torch.no_grad()
def literal_sass(sass: SASS, x: Tensor, imaginary_w1: Tensor | None = None) -> Tensor:
    """Re IFFT(SAGU(FFT(K) * SpectralPulseNet(FFT(v)))), float64, at the kernel's own grid."""
    grid = (x.shape[1], x.shape[2])
    v = pulse(sass, fft(x, sass.fft_axes, NORMALISATION.maps))
    z = sagu(sass, kernel_spectrum(sass) * v, imaginary_w1)
    return ifft(z, grid, sass.fft_axes, NORMALISATION.maps).real
