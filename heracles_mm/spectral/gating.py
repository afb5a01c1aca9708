"""HAMSA's gates on spectra (..., C): complex tensors, any number of bins in front.

Both gates look at magnitudes alone, so they treat f and -f of a real signal alike.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heracles_mm.spectral.precision import no_autocast


class _Magnitude(torch.autograd.Function):
    """|z| with gradients that are finite everywhere.

    The gradient is z / |z|, which does not exist at z = 0, where a constant map has all bins but
    one: the subgradient 0 is used. Below the smallest normal number it fades to that 0 linearly;
    there torch's own ``abs`` has NaN for a gradient, since 1 / |z| overflows.
    """

    @staticmethod
    def forward(ctx, z: Tensor) -> Tensor:
        magnitude = z.abs()
        ctx.save_for_backward(z, magnitude)
        return magnitude

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        z, magnitude = ctx.saved_tensors
        smallest = torch.finfo(magnitude.dtype).tiny
        return z * magnitude.clamp(min=smallest).reciprocal() * gradient


class SpectralPulseNet(nn.Module):
    """Input-dependent frequency gate V~ = g V, g = sigmoid(|V| W_g + b_g), per bin over channels.

    Source: the paper's diagram. Shapes: (..., channels) complex, kept.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Linear(channels, channels)

    def forward(self, spectrum: Tensor) -> Tensor:
        with no_autocast(spectrum):
            magnitude = _Magnitude.apply(spectrum)
            weight, bias = self.gate.weight.to(magnitude.dtype), self.gate.bias.to(magnitude.dtype)
            return spectrum * F.linear(magnitude, weight, bias).sigmoid()


class SAGU(nn.Module):
    """Spectral adaptive gating unit Z = (Y W_1) * sigmoid(|Y| W_2), per bin over channels.

    Source: the paper's diagram: W_1 complex (stored as a real pair), W_2 real, no biases. Their
    initial values are assumed, those of the skeleton's linear layers.

    Args:
        channels: C.
        kernel: ``'complex'`` as published. With a ``'real'`` token kernel Y is Hermitian, and only
            the Hermitian part of Z reaches the map: Y(f) (W_1 + conj W_1) / 2 times the gate, so
            the imaginary part of W_1 could have no effect and is left out, exactly.

    Shapes: (..., channels) complex, kept. ``w1`` is (2, C, C), real and imaginary part, or
    (1, C, C); ``w2`` is (C, C); rows are inputs.
    """

    def __init__(self, channels: int, kernel: str = 'complex') -> None:
        super().__init__()
        parts = 2 if kernel == 'complex' else 1
        self.w1 = nn.Parameter(torch.empty(parts, channels, channels))
        self.w2 = nn.Parameter(torch.empty(channels, channels))
        nn.init.trunc_normal_(self.w1, std=0.02)
        nn.init.trunc_normal_(self.w2, std=0.02)

    def forward(self, spectrum: Tensor) -> Tensor:
        with no_autocast(spectrum):
            magnitude = _Magnitude.apply(spectrum)
            gate = (magnitude @ self.w2.to(magnitude.dtype)).sigmoid()
            return _matmul(spectrum, self.w1.to(magnitude.dtype)) * gate


def _matmul(spectrum: Tensor, weight: Tensor) -> Tensor:
    """``spectrum`` (..., C) times the matrix of the real pair ``weight`` (2, C, C), or (1, C, C).

    A pair goes through one real product with the block form of complex multiplication on the memory
    of ``spectrum`` as it lies; three products (Gauss) were slower wherever measured, since they
    must gather real and imaginary parts first.
    """
    if len(weight) == 1:
        return torch.complex(spectrum.real @ weight[0], spectrum.imag @ weight[0])
    real, imaginary = weight
    rows = torch.stack((real, imaginary), -1), torch.stack((-imaginary, real), -1)
    block = torch.stack(rows, 1).flatten(2).flatten(0, 1)  # (2 C, 2 C)
    pairs = torch.view_as_real(spectrum.resolve_conj()).flatten(-2)  # (..., 2 C)
    return torch.view_as_complex((pairs @ block).unflatten(-1, (-1, 2)))
