"""The gates: what they multiply with, and what they leave alone."""

import pytest
import torch
import torch.nn.functional as F

from heracles_mm.spectral import SAGU, SpectralPulseNet
from heracles_mm.spectral.gating import magnitude


def spectrum(*shape, dtype=torch.complex128):
    return torch.randn(*shape, dtype=dtype)


def hermitian_part(module, y, mirrored=None):
    """SAGU of Y and, for a complex kernel, U = conj Y(-f)."""
    z = y[None] if mirrored is None else torch.stack((y, mirrored))
    return torch.complex(*module(z.real, z.imag, z.abs()))


def whole(module, y):
    """(Y W_1) * sigmoid(|Y| W_2), with complex numbers."""
    w1 = module.w1[0] + (1j * module.w1[1] if len(module.w1) == 2 else 0)
    return (y @ w1.to(y.dtype)) * (y.abs() @ module.w2).sigmoid()


def test_the_pulse_gate_of_each_bin_follows_its_own_magnitudes():
    """sigmoid(|V| W_g + b_g), written out bin by bin."""
    module, v = SpectralPulseNet(3).double(), spectrum(2, 4, 3).abs()
    weight, bias = module.gate.weight, module.gate.bias
    for sample in range(2):
        for f in range(4):
            gate = 1 / (1 + torch.exp(-(weight @ v[sample, f] + bias)))
            torch.testing.assert_close(module(v)[sample, f], gate)


def test_sagu_gives_the_hermitian_part_of_the_formula():
    """(Z(f) + conj Z(-f)) / 2 from Y(f) and conj Y(-f), whatever these are."""
    module, y, negated = SAGU(3).double(), spectrum(2, 4, 3), spectrum(2, 4, 3)
    torch.nn.init.normal_(module.w1)
    torch.nn.init.normal_(module.w2)
    expected = (whole(module, y) + whole(module, negated).conj()) / 2
    torch.testing.assert_close(hermitian_part(module, y, negated.conj()), expected)


def test_on_a_hermitian_spectrum_the_imaginary_part_of_w1_has_no_effect():
    """The reason why a real kernel does without it: with U = Y it cancels."""
    module, y = SAGU(3).double(), spectrum(2, 4, 3)
    torch.nn.init.normal_(module.w1)
    real = SAGU(3, 'real').double()
    real.w1.data.copy_(module.w1[:1])
    real.w2.data.copy_(module.w2)
    torch.testing.assert_close(hermitian_part(module, y, y), hermitian_part(real, y))


def test_sizes_of_the_parameters():
    """Real pairs, no complex parameter: optimizers, checkpoints and DDP see ordinary tensors."""
    sizes = {name: tuple(p.shape) for name, p in SAGU(5).named_parameters()}
    assert sizes == {'w1': (2, 5, 5), 'w2': (5, 5)}
    assert SAGU(5, 'real').w1.shape == (1, 5, 5)
    assert not any(
        p.is_complex() for p in [*SAGU(5).parameters(), *SpectralPulseNet(5).parameters()]
    )


def test_the_magnitude_has_the_subgradient_zero_at_zero():
    """A constant map is 0 in every bin but one; |z| has no derivative there."""
    parts = torch.zeros(2, 4, 3, dtype=torch.float64, requires_grad=True)
    magnitude(*parts).sum().backward()
    assert not parts.grad.any()


@pytest.mark.parametrize('scale', [1e-44, 1e-40, 1e-38, 1e-20, 1e20, 1e37])
def test_tiny_and_huge_magnitudes_have_finite_gradients(scale):
    """At both ends of float32 and below its smallest normal number, where 1 / |z| is infinite; the
    squares of these numbers are 0 or infinite, the magnitude is not."""
    parts = (torch.randn(2, 8) * scale).requires_grad_()
    result = magnitude(*parts)
    result.mean().backward()
    torch.testing.assert_close(result, torch.complex(*parts.detach()).abs())
    assert parts.grad.isfinite().all()


def test_gradients_of_both_orders():
    parts = torch.randn(2, 2, 3, dtype=torch.float64, requires_grad=True)
    pulse, sagu = SpectralPulseNet(3).double(), SAGU(3).double()

    def gated(real, imaginary):
        strength = magnitude(real, imaginary)
        return sagu(real, imaginary, pulse(strength) * strength)

    assert torch.autograd.gradcheck(gated, tuple(parts))
    assert torch.autograd.gradgradcheck(gated, tuple(parts))


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_products_are_in_bfloat16_under_its_autocast_and_never_in_float16(dtype):
    """To the bit: factors rounded once, and what comes out is in their dtype."""
    y = spectrum(1, 2, 4, 3, dtype=torch.complex64)
    pulse, sagu = SpectralPulseNet(3), SAGU(3, 'real')
    low = torch.bfloat16 if dtype == torch.bfloat16 else torch.float32
    size, real, imaginary, weight, bias, (w1,), w2 = (
        each.to(low)
        for each in (y.abs(), y.real, y.imag, pulse.gate.weight, pulse.gate.bias, sagu.w1, sagu.w2)
    )
    gate = (size @ w2).sigmoid()[0]
    expected = (
        F.linear(size, weight, bias).sigmoid(),
        real[0] @ w1 * gate,
        imaginary[0] @ w1 * gate,
    )
    with torch.autocast('cpu', dtype=dtype):
        result = pulse(y.abs()), *sagu(y.real, y.imag, y.abs())
    assert all(torch.equal(a, b) for a, b in zip(result, expected, strict=True))
