"""Spectral adaptive state space: HAMSA's global mixing of a map."""

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from heracles_mm.spectral import fourier
from heracles_mm.spectral.eager import AsMade, keep_traced_size
from heracles_mm.spectral.fourier import from_half_spectrum, half_spectrum
from heracles_mm.spectral.gating import SAGU, SpectralPulseNet, magnitude
from heracles_mm.spectral.kernels import KernelSpectrum, TokenKernel
from heracles_mm.spectral.precision import at_least_float32, check_map, no_autocast

CHUNK = 2**17
"""Numbers of a spectrum's real part that are gated at a time in inference, so that all that stands
between the transforms stays in the cache."""


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

    Attributes:
        recompute: in the backward pass of a complex kernel, compute what stands between the
            transforms again, which is many maps. False where a caller does so with all of this.

    Shapes: (B, H, W, C) to (B, H, W, C), any H and W; the dtype is kept, the computation is in
    float32 at least.
    """

    recompute = True

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
        grid, norm = (x.shape[1], x.shape[2]), fourier.NORMALISATION.maps
        with no_autocast(x):
            v = at_least_float32(x)
            kernel = self.kernel(grid, v.dtype)
            v = half_spectrum(v, self.fft_axes, norm)  # (B, bins, C)
            z = self._mix(v, kernel)
            return from_half_spectrum(z, grid, self.fft_axes, norm).to(x.dtype)

    def _mix(self, v: Tensor, kernel: KernelSpectrum) -> Tensor:
        """From the half spectrum of the map, (B, ..., C), to that of the result."""
        shape, v = v.shape, v.flatten(1, -2)  # (B, bins, C)
        planes = flat_planes(kernel)
        grad = torch.is_grad_enabled()
        if grad and self.recompute and len(kernel.real) == 2 and self.is_as_made():
            parts = checkpoint(
                self._mix_bins, v, *planes, use_reentrant=False, preserve_rng_state=False
            )
        elif grad or v.numel() <= CHUNK or not self.on_cpu_as_made(v):
            parts = self._mix_bins(v, *planes)
        else:
            z = torch.empty_like(v)
            bins = max(1, CHUNK // v[:, 0].numel())
            cuts = (t.split(bins, dim=-2) for t in (z, v, *planes))
            for target, *part in zip(*cuts, strict=True):
                target.real, target.imag = self._mix_bins(*part)
            return z.view(shape)
        return torch.complex(*parts).view(shape)

    def _mix_bins(self, v: Tensor, *kernel: Tensor) -> tuple[Tensor, Tensor]:
        real, imaginary = v.real.contiguous(), v.imag.contiguous()
        strength = magnitude(real, imaginary)
        return mix_bins(self.pulse, self.sagu, real, imaginary, strength, *kernel)


def flat_planes(kernel: KernelSpectrum) -> list[Tensor]:
    """What :func:`mix_bins` takes of a kernel: (1 or 2, 1, bins, C) each."""
    return [plane.flatten(1, -2).unsqueeze(1) for plane in kernel]


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
