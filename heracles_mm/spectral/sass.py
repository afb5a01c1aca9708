"""Spectral adaptive state space: HAMSA's global mixing of a map."""

import torch
from torch import Tensor, nn

from heracles_mm.spectral import fourier
from heracles_mm.spectral.fourier import from_half_spectrum, half_spectrum
from heracles_mm.spectral.gating import SAGU, SpectralPulseNet
from heracles_mm.spectral.kernels import TokenKernel
from heracles_mm.spectral.precision import at_least_float32, check_map, no_autocast


class SASS(nn.Module):
    """Re IFFT(SAGU(K^ * SpectralPulseNet(FFT(v)))): gate, convolve, gate again, and back.

    Computed on half of the bins. The map is real, so V(-f) = conj V(f), and SpectralPulseNet keeps
    that; the complex kernel breaks it, Y(-f) = K^(-f) conj V~(f) is another number than conj Y(f),
    so SAGU runs on both; the real part at the end leaves the Hermitian part of Z,
    (Z(f) + conj Z(-f)) / 2, and a real inverse transform. A real kernel needs no Y(-f). Either way
    the result is the formula's, not an approximation of it.

    Args:
        channels: C.
        grid: (H, W) of the map that the kernel is learnt on; other sizes resample it.
        fft_axes: ``'tokens'`` (1-D over the H W positions in row-major order, as the paper's tables
            say "1D") or ``'grid'`` (2-D over H and W; ours).
        kernel: ``'complex'`` (the paper's) or ``'real'``: psi_I = 0, half the kernel parameters.

    Shapes: (B, H, W, C) to (B, H, W, C), any H and W; the dtype is kept, the computation is in
    float32 at least.
    """

    def __init__(
        self,
        channels: int,
        grid: tuple[int, int],
        fft_axes: str = 'tokens',
        kernel: str = 'complex',
    ) -> None:
        super().__init__()
        self.fft_axes = fft_axes
        self.pulse = SpectralPulseNet(channels)
        self.kernel = TokenKernel(channels, grid, fft_axes, kernel)
        self.sagu = SAGU(channels, kernel)

    def forward(self, x: Tensor) -> Tensor:
        check_map(x, self.kernel.channels)
        grid, norm = (x.shape[1], x.shape[2]), fourier.NORMALISATION.maps
        with no_autocast(x):
            v = at_least_float32(x)
            kernel = self.kernel(grid, v.dtype)  # (1 or 2, bins, C)
            v = self.pulse(half_spectrum(v, self.fft_axes, norm))  # (B, bins, C)
            if len(kernel) == 1:
                z = self.sagu(kernel * v)
            else:
                z, mirrored = self.sagu(torch.stack((kernel[0] * v, kernel[1] * v.conj())))
                z = (z + mirrored.conj()) / 2
            return from_half_spectrum(z, grid, self.fft_axes, norm).to(x.dtype)
