"""The gates: what they multiply with, and what they leave alone."""

import pytest
import torch

from heracles_mm.spectral import SAGU, SpectralPulseNet


def spectrum(*shape, dtype=torch.complex128):
    return torch.randn(*shape, dtype=dtype)


def test_the_pulse_gate_scales_each_bin_by_its_own_magnitudes():
    """sigmoid(|V| W_g + b_g), written out bin by bin."""
    module, v = SpectralPulseNet(3).double(), spectrum(2, 4, 3)
    weight, bias = module.gate.weight, module.gate.bias
    for sample in range(2):
        for f in range(4):
            gate = 1 / (1 + torch.exp(-(weight @ v[sample, f].abs() + bias)))
            torch.testing.assert_close(module(v)[sample, f], v[sample, f] * gate)


def test_gates_commute_with_conjugation_as_half_spectra_need():
    """They look at magnitudes alone, so a Hermitian spectrum stays Hermitian: exactly for
    SpectralPulseNet, and for SAGU where W_1 is real."""
    v = spectrum(2, 4, 3)
    for module in (SpectralPulseNet(3).double(), SAGU(3, 'real').double()):
        torch.testing.assert_close(module(v.conj()), module(v).conj())


def test_a_complex_w1_breaks_hermitian_symmetry():
    """So a complex kernel's SAGU must see f and -f both; and half of what W_1 says would be lost on
    a Hermitian spectrum: its conjugate gives the same real map."""
    module, v = SAGU(3).double(), spectrum(2, 4, 3)
    torch.nn.init.normal_(module.w1)
    assert not torch.allclose(module(v.conj()), module(v).conj())
    mean = (module(v) + module(v.conj()).conj()) / 2
    real = SAGU(3, 'real').double()
    real.w1.data.copy_(module.w1[:1])
    real.w2.data.copy_(module.w2)
    torch.testing.assert_close(mean, real(v))


def test_sizes_of_the_parameters():
    """Real pairs, no complex parameter: optimizers, checkpoints and DDP see ordinary tensors."""
    sizes = {name: tuple(p.shape) for name, p in SAGU(5).named_parameters()}
    assert sizes == {'w1': (2, 5, 5), 'w2': (5, 5)}
    assert SAGU(5, 'real').w1.shape == (1, 5, 5)
    assert not any(
        p.is_complex() for p in [*SAGU(5).parameters(), *SpectralPulseNet(5).parameters()]
    )


def test_gradients_at_zero_are_the_subgradient_zero():
    """At V = 0 the magnitude contributes nothing; what is left is the gate itself."""
    module = SpectralPulseNet(3).double()
    v = torch.zeros(4, 3, dtype=torch.complex128, requires_grad=True)
    (gradient,) = torch.autograd.grad(module(v).real.sum(), v)
    expected = module.gate.bias.sigmoid().expand(4, 3).to(torch.complex128)
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize('scale', [1e-44, 1e-40, 1e-38, 1e-20, 1e20, 1e37])
def test_tiny_and_huge_magnitudes_have_finite_gradients(scale):
    """At both ends of float32 and below its smallest normal number, where 1 / |z| is infinite."""
    module = SpectralPulseNet(3)
    v = (torch.randn(1, 3, dtype=torch.complex64) * scale).requires_grad_()
    result = module(v)
    torch.view_as_real(result).mean().backward()
    assert torch.view_as_real(result).isfinite().all()
    assert torch.view_as_real(v.grad).isfinite().all()


def test_gradients_of_both_orders():
    v = spectrum(2, 3).requires_grad_()
    for module in (SpectralPulseNet(3).double(), SAGU(3).double()):
        assert torch.autograd.gradcheck(module, v)
        assert torch.autograd.gradgradcheck(module, v)


def test_autocast_changes_nothing():
    v = spectrum(2, 4, 3, dtype=torch.complex64)
    for module in (SpectralPulseNet(3), SAGU(3), SAGU(3, 'real')):
        expected = module(v)
        with torch.autocast('cpu', dtype=torch.bfloat16):
            assert torch.equal(module(v), expected)
