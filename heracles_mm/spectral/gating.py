"""HAMSA's gates, in real arithmetic: a spectrum is a pair of tensors, real and imaginary part.

Both gates look at magnitudes alone, so they treat f and -f of a real signal alike. Spectra and
magnitudes come in float32 or float64, never in a half type; under bfloat16 autocast the products
with weights are in bfloat16, which has their range (:func:`product_dtype`).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heracles_mm.spectral.precision import no_autocast, product_dtype


class _Magnitude(torch.autograd.Function):
    """|z| with gradients that are finite everywhere.

    The gradient is z / |z|, which does not exist at z = 0, where a constant map has all bins but
    one: the subgradient 0 is used. Below the smallest normal number it fades to that 0 linearly;
    there 1 / |z| overflows.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(real: Tensor, imaginary: Tensor) -> Tensor:
        return torch.hypot(real, imaginary)

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor]:
        real, imaginary, magnitude = ctx.saved_tensors
        scale = magnitude.clamp(min=torch.finfo(magnitude.dtype).tiny).reciprocal()
        return real * scale * gradient, imaginary * scale * gradient


def magnitude(real: Tensor, imaginary: Tensor) -> Tensor:
    """|z| of the same shape; its gradient at z = 0 is 0."""
    if torch.jit.is_tracing():  # a trace with functions of Python in it cannot be saved
        zero = (real == 0) & (imaginary == 0)
        return torch.hypot(real, imaginary.masked_fill(zero, 1)).masked_fill(zero, 0)
    return _Magnitude.apply(real, imaginary)


class WideLinear(nn.Linear):
    """:class:`torch.nn.Linear` in the dtype of its input, whatever its weights are in."""

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.linear(x, self.weight.to(x.dtype), bias)


class SpectralPulseNet(nn.Module):
    """The input-dependent frequency gate g = sigmoid(|V| W_g + b_g), per bin over channels.

    Source: the paper's diagram, where V~ = g V. From |V| (..., channels) to g, same shape.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = WideLinear(channels, channels)

    def forward(self, magnitude: Tensor) -> Tensor:
        magnitude = magnitude.to(product_dtype(magnitude))
        with no_autocast(magnitude):
            return self.gate(magnitude).sigmoid()


class SAGU(nn.Module):
    """Spectral adaptive gating unit Z = (Y W_1) * sigmoid(|Y| W_2), per bin over channels.

    Source: the paper's diagram: W_1 complex (stored as a real pair), W_2 real, no biases. Their
    initial values are assumed, those of the skeleton's linear layers.

    Only the Hermitian part of Z, (Z(f) + conj Z(-f)) / 2, reaches the map, and that is what
    :meth:`forward` gives. With the published ``'complex'`` token kernel it takes Y(f) and
    U(f) = conj Y(-f), for which conj Z(-f) = (U conj W_1) * sigmoid(|U| W_2). With a ``'real'`` one
    Y is Hermitian, U = Y, and what is left is Y (W_1 + conj W_1) / 2 times the gate: the imaginary
    part of W_1 could have no effect and is left out, exactly.

    Args:
        channels: C.
        kernel: ``'complex'`` or ``'real'``.

    ``w1`` is (2, C, C), real and imaginary part, or (1, C, C); ``w2`` is (C, C); rows are inputs.
    """

    def __init__(self, channels: int, kernel: str = 'complex') -> None:
        super().__init__()
        parts = 2 if kernel == 'complex' else 1
        self.w1 = nn.Parameter(torch.empty(parts, channels, channels))
        self.w2 = nn.Parameter(torch.empty(channels, channels))
        nn.init.trunc_normal_(self.w1, std=0.02)
        nn.init.trunc_normal_(self.w2, std=0.02)

    def forward(self, real: Tensor, imaginary: Tensor, magnitude: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary part of the Hermitian part of Z, (..., C) each.

        Args:
            real, imaginary, magnitude: of Y and U, (2, ..., C), or of Y alone, (1, ..., C).
        """
        dtype = product_dtype(real)
        real, imaginary, magnitude = real.to(dtype), imaginary.to(dtype), magnitude.to(dtype)
        with no_autocast(real):
            gate = (magnitude @ self.w2.to(dtype)).sigmoid()
            w1 = self.w1.to(dtype)
            if len(w1) == 1:
                return (real[0] @ w1[0]) * gate[0], (imaginary[0] @ w1[0]) * gate[0]
            both = torch.cat((w1[0], w1[1]), dim=1) / 2  # (C, 2 C): one product with A, B of A + jB
            real_a, real_b = (real @ both).chunk(2, dim=-1)
            imaginary_a, imaginary_b = (imaginary @ both).chunk(2, dim=-1)
            return (
                (real_a[0] - imaginary_b[0]) * gate[0] + (real_a[1] + imaginary_b[1]) * gate[1],
                (imaginary_a[0] + real_b[0]) * gate[0] + (imaginary_a[1] - real_b[1]) * gate[1],
            )
