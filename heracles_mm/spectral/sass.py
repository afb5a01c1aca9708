"""Spectral adaptive state space: HAMSA's global mixing of a map."""

import torch
from torch import Tensor

from heracles_mm.spectral import fourier
from heracles_mm.spectral.eager import AsMade, keep_traced_size
from heracles_mm.spectral.fourier import from_half_spectrum, half_spectrum
from heracles_mm.spectral.fused_bins import Weights, mix_map, real_matrix
from heracles_mm.spectral.gating import SAGU, SpectralPulseNet, magnitude
from heracles_mm.spectral.kernels import TokenKernel
from heracles_mm.spectral.precision import (
    at_least_float32,
    check_map,
    no_autocast,
    product_dtype,
)


class SASS(AsMade):
    """Re IFFT(SAGU(K^ * SpectralPulseNet(FFT(v)))): gate, convolve, gate again, and back.

    Computed in real arithmetic on half of the bins. The map is real, so V(-f) = conj V(f), and
    SpectralPulseNet keeps that; the complex kernel breaks it, so SAGU sees Y(f) and conj Y(-f) =
    conj K^(-f) V~(f); the real part at the end leaves the Hermitian part of Z and a real inverse
    transform. A real kernel needs no Y(-f). |Y| is |K^| g |V|, of which |K^| is known beforehand.
    Either way the result is the formula's, not an approximation of it.

    Args:
        channels: C.
        grid: (H, W) of the map that the kernel is learnt on; other sizes resample it.
        fft_axes: ``'tokens'`` (1-D over the H W positions in row-major order, as the paper's tables
            say "1D") or ``'grid'`` (2-D over H and W; ours).
        kernel: ``'complex'`` (the paper's) or ``'real'``: psi_I = 0, half the kernel parameters.

    Shapes: (B, H, W, C) to (B, H, W, C), any H and W; the dtype is kept, the computation is in
    float32 at least, under bfloat16 autocast with products in bfloat16.
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
        self.made = repr(self)

    def forward(self, x: Tensor) -> Tensor:
        check_map(x, self.kernel.channels)
        x = keep_traced_size(x, (-3, -2))
        if self.is_as_made() and x.shape[0] > 0:
            return self.mix(x.permute(3, 0, 1, 2).contiguous()).permute(1, 2, 3, 0)
        dtype = torch.promote_types(x.dtype, torch.float32)
        grid, norm = (x.shape[1], x.shape[2]), fourier.NORMALISATION.maps
        with no_autocast(x):
            v = half_spectrum(x.to(dtype), self.fft_axes, norm)  # (B, bins, C)
        real, imaginary = v.real.flatten(1, -2), v.imag.flatten(1, -2)
        planes = flat_planes(self.kernel(grid, dtype))
        strength = magnitude(real, imaginary)
        parts = mix_bins(self.pulse, self.sagu, real, imaginary, strength, *planes)
        with no_autocast(x):
            z = torch.complex(*(part.to(dtype) for part in parts)).view(v.shape)
            return from_half_spectrum(z, grid, self.fft_axes, norm).to(x.dtype)

    def mix(self, x: Tensor, weights: Weights | None = None) -> Tensor:
        """The same on maps (C, B, H, W), by fewer operators, which read the weights of the parts:
        for callers who know that these are as they were made, or have kept what :meth:`weights`
        gave."""
        weights = weights or self.weights((x.shape[2], x.shape[3]), x, product_dtype(x))
        with no_autocast(x):
            maps = at_least_float32(x)
            maps = maps.flatten(2) if self.fft_axes == 'tokens' else maps
            return mix_map(maps, weights).view(x.shape).to(x.dtype)

    def weights(self, grid: tuple[int, int], x: Tensor, products: torch.dtype) -> Weights:
        """What :meth:`mix` multiplies maps of a ``grid`` with, in products of that dtype."""
        with no_autocast(x):
            kernel = self.kernel(grid, torch.promote_types(x.dtype, torch.float32)).flatten(2)
            gate, matrix = self.pulse.gate, real_matrix(self.sagu.w1.to(products))
            others = gate.weight, gate.bias, matrix, self.sagu.w2
            return Weights(kernel, *(weight.to(products) for weight in others))


def flat_planes(kernel: Tensor) -> list[Tensor]:
    """What :func:`mix_bins` takes of a kernel's spectrum: (1 or 2, 1, bins, C) each."""
    kernel = kernel.flatten(2).mT.unsqueeze(1)
    real, imaginary = kernel.real.contiguous(), kernel.imag.contiguous()
    return [real, imaginary, magnitude(real, imaginary)]


def mix_bins(
    pulse: SpectralPulseNet,
    sagu: SAGU,
    real: Tensor,
    imaginary: Tensor,
    strength: Tensor,
    kernel_real: Tensor,
    kernel_imaginary: Tensor,
    kernel_magnitude: Tensor,
) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of the result on some bins, (B, bins, C) each.

    Args:
        pulse, sagu: the gates.
        real, imaginary, strength: parts and magnitude of the map's spectrum, (B, bins, C).
        kernel_real, kernel_imaginary, kernel_magnitude: of the kernel's, (1 or 2, 1, bins, C).
    """
    gate = pulse(strength)
    real, imaginary = real * gate, imaginary * gate
    return sagu(
        torch.addcmul(kernel_real * real, kernel_imaginary, imaginary, value=-1),
        torch.addcmul(kernel_real * imaginary, kernel_imaginary, real),
        kernel_magnitude * (gate * strength),
    )
