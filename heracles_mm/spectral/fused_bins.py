"""What SASS does between two maps, with as few operators as torch has for it, forward and backward.

The same numbers as :func:`heracles_mm.spectral.sass.mix_bins`. Spectra are (C, B, bins), as FFTs
leave them, so that each weight is one product for the whole batch; their real and imaginary parts
are planes of one real tensor where a weight mixes them. Nothing is transposed, split or joined on
the way but by the operator that works on it. Transforms are not normalised: products have a factor
for that. In training the map alone is kept, and the rest is computed again.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from heracles_mm.spectral import tables
from heracles_mm.spectral.eager import gradients_of, is_on_cpu, is_traced
from heracles_mm.spectral.gating import magnitude
from heracles_mm.spectral.precision import at_least_float32, no_autocast
from heracles_mm.spectral.tables import table

CHUNK = 2**15
"""Numbers of a spectrum's real part that a CPU works on at a time, so that the twenty numbers that
each of them becomes stay in its cache."""

COLUMNS = 512
"""Bins of all maps that it works on at least, enough for a product to run at its full rate."""


class Weights(NamedTuple):
    """What the bins meet. Products are in the dtype of all but the first.

    Args:
        kernel: K^(f) and conj K^(-f), (2, C, bins), or K^(f) of a real kernel, (1, C, bins).
        gate, bias: of SpectralPulseNet, (C, C) with outputs as rows, and (C,).
        matrix: of :func:`real_matrix`, D inputs as rows.
        w2: of SAGU, (C, C), inputs as rows.
    """

    kernel: Tensor
    gate: Tensor
    bias: Tensor
    matrix: Tensor
    w2: Tensor


def real_matrix(w1: Tensor) -> Tensor:
    """SAGU's W_1 on real and imaginary parts, (2, D, D).

    Of a complex one, (2, C, C), D = 2 C: the halves of W_1 for Y(f) and of conj W_1 for conj Y(-f),
    from rows (C, 2 parts) to columns (2 parts, C). Of a real one, (1, C, C), D = C: the same for
    both parts.
    """
    if len(w1) == 1:
        return w1.expand(2, -1, -1)
    channels = w1.shape[1]
    signs = table(tables.complex_product, w1, 2)  # (inputs, Y, outputs, parts of W_1)
    blocks = signs.flatten(0, 2).expand(channels, -1, -1).bmm(w1.transpose(0, 1))
    return blocks.view(2 * channels, 2, 2 * channels).transpose(0, 1)


def mix_map(x: Tensor, weights: Weights) -> Tensor:
    """Maps (C, B, H, W), or (C, B, tokens), to maps: all of SASS, in float32 or float64."""
    return formula(x, weights) if is_traced() else _MixMap.apply(x, *weights)


class _MixMap(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, *weights: Tensor) -> Tensor:
        ctx.save_for_backward(x, *weights)
        return forward(x, Weights(*weights))

    @staticmethod
    def backward(ctx, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, *weights = ctx.saved_tensors
        with no_autocast(x):  # as the forward pass was, wherever this is called
            if torch.is_grad_enabled():  # this gradient is to be differentiated too
                return tuple(gradients_of(formula(x, Weights(*weights)), ctx.saved_tensors, dy))
            return tuple(backward(dy, x, Weights(*weights)))


def forward(x: Tensor, weights: Weights) -> Tensor:
    v, share = _spectrum(x), 1 / x[0, 0].numel()
    z = torch.empty_like(v)
    for part in _parts(v):
        bins = _bins(v[..., part], _of_bins(weights, part), share)
        _write_mixed(_parts_along(z[..., part], 0), bins)
    return _map(z, x)


def backward(dy: Tensor, x: Tensor, weights: Weights) -> list[Tensor]:
    """Gradients of ``x`` and of each weight, from that of the result.

    Those of a transform to half of the bins and of its inverse are each other, but that a bin
    stands for itself and for its conjugate, where the two are not one.
    """
    v, dz, share = _spectrum(x), _spectrum(dy), 1 / x[0, 0].numel()
    shares = table(tables.bin_shares, x, x.shape[-1], x[0, 0, ..., 0].numel())
    found = []
    for part in _parts(v):
        own = _of_bins(weights, part)
        found.append(_gradients(dz[..., part], v[..., part], own, share, shares[part]))
    dv, dkernel, *others = zip(*found, strict=True)
    return [_map(_join(dv), x), _join(dkernel), *map(_sum, others)]


def formula(x: Tensor, weights: Weights) -> Tensor:
    """The same by operators that autograd differentiates as often as it is asked, and that a
    compiler fuses: none of complex numbers between the transforms."""
    kernel, gate, bias, matrix, w2 = weights
    v, share = _spectrum(x), 1 / x[0, 0].numel()
    real, imaginary = torch.view_as_real(v).unbind(-1)  # (C, B, bins)
    strength = magnitude(real, imaginary).to(gate.dtype).flatten(1)
    g = (gate @ (strength * share**0.5) + bias[:, None]).sigmoid().view_as(v)
    real, imaginary = real * g, imaginary * g
    k_real, k_imaginary = torch.view_as_real(kernel[:, :, None]).unbind(-1)
    y = torch.stack(  # (1 or 2, C, 2, B, bins)
        (k_real * real - k_imaginary * imaginary, k_real * imaginary + k_imaginary * real), dim=2
    ).to(gate.dtype)
    size = magnitude(y[:, :, 0], y[:, :, 1]).flatten(2)
    h = (w2.mT @ (size * share**0.5)).sigmoid()
    p = matrix.mT @ _rows(y.flatten(3)) * share
    z = (p.view(len(h), 2, *h.shape[1:]) * h[:, None]).sum(0).to(x.dtype)  # (2, C, n)
    return _map(torch.view_as_complex(torch.stack((z[0], z[1]), dim=-1)).view_as(v), x)


def _spectrum(x: Tensor) -> Tensor:
    """Half of the bins of real maps, (C, B, bins), not normalised."""
    return torch.fft.rfftn(x, dim=tuple(range(2, x.dim()))).flatten(2)


def _map(z: Tensor, like: Tensor) -> Tensor:
    """The real maps of half spectra, not normalised."""
    size = like.shape[2:]
    z = z.view(*like.shape[:-1], size[-1] // 2 + 1)
    return torch.fft.irfftn(z, s=size, dim=tuple(range(2, z.dim())), norm='forward')


def _of_bins(weights: Weights, part: slice) -> Weights:
    return weights._replace(kernel=weights.kernel[..., part])


class _Bins(NamedTuple):
    """What some bins become, n of them in all maps."""

    strength: Tensor  # |V|, (C, n)
    gate: Tensor  # SpectralPulseNet's, (C, n)
    y: Tensor  # Y(f) and conj Y(-f), or Y(f), real and imaginary parts, (1 or 2, C, 2, n)
    size: Tensor  # |Y|, (1 or 2, C, n)
    second_gate: Tensor  # SAGU's, of the same shape
    product: Tensor  # Y W_1, (1 or 2, 2, C, n)


def _bins(v: Tensor, weights: Weights, share: float) -> _Bins:
    kernel, gate, bias, matrix, w2 = weights
    strength = torch.empty(v.shape, dtype=gate.dtype, device=v.device)
    strength = torch.hypot(v.real, v.imag, out=strength).flatten(1)
    g = torch.addmm(bias[:, None], gate, strength, alpha=share**0.5)
    parts = _parts_along(kernel[:, :, None] * v, 2)
    y = torch.empty(parts.shape, dtype=gate.dtype, device=v.device)
    torch.mul(parts, g.sigmoid_().view_as(v)[:, None], out=y)
    y = y.flatten(3)
    size = torch.hypot(y[:, :, 0], y[:, :, 1])
    h = _product(w2.mT.expand(len(size), -1, -1), size, share**0.5).sigmoid_()
    product = _product(matrix.mT, _rows(y), share).view(len(y), 2, *h.shape[1:])
    return _Bins(strength, g, y, size, h, product)


def _write_mixed(out: Tensor, bins: _Bins) -> None:
    """The sum of the gated products, to planes (2, C, B, bins)."""
    p = bins.product.unflatten(-1, out.shape[2:])
    h = bins.second_gate.unflatten(-1, out.shape[2:])
    if len(p) == 1:
        torch.mul(p[0], h[0], out=out)
    else:
        torch.addcmul(p[0] * h[0], p[1], h[1], out=out)


def _gradients(
    dz: Tensor, v: Tensor, weights: Weights, share: float, shares: Tensor
) -> list[Tensor]:
    """Of ``v`` and of each weight, from the spectrum of the result's gradient on the same bins."""
    kernel, gate, _, matrix, w2 = weights
    strength, g, y, size, h, p = _bins(v, weights, share)
    scale, tiny = share**0.5, torch.finfo(strength.dtype).tiny

    parts = dz.new_empty(2, *dz.shape, dtype=y.dtype)
    dz = torch.div(_parts_along(dz, 0), shares, out=parts).flatten(2)  # (2, C, n)
    dh = torch.ops.aten.sigmoid_backward((dz * p).sum(1), h)
    dp = (dz * h[:, None]).view(2, len(matrix[0]), -1)
    dmatrix = _product(_rows(y), dp.mT, share)
    dw2 = _product(size, dh.mT, scale).sum(0)
    dsize = _product(w2.expand(len(dh), -1, -1), dh, scale)
    dy = _product(matrix, dp, share)
    dy = dy.view(y.shape) if len(y) == 2 else dy.transpose(0, 1)[None]
    dy.addcmul_(y, (dsize / size.clamp(min=tiny))[:, :, None])  # |Y| has the gradient 0 at 0

    dg = (dy * y).sum((0, 2))  # times the gate: what is left of its own derivative is 1 - g
    dg = torch.addcmul(dg, dg, g, value=-1)
    (dgate,) = _product(dg[None], strength.mT[None], scale)
    (dstrength,) = _product(gate.mT[None], dg[None], scale)

    dkv = torch.empty_like(kernel[:, :, None] * v)
    gates = g.view_as(v)[:, None]
    torch.mul(dy.unflatten(-1, v.shape[1:]), gates, out=_parts_along(dkv, 2))
    dv = (kernel.conj()[:, :, None] * dkv).sum(0)
    dv.addcmul_(v, (dstrength / strength.clamp_(min=tiny)).view(v.shape)).mul_(shares)
    dkernel = (dkv * v.conj()).sum(2)  # over the maps
    return [dv, dkernel, dgate, dg.sum(1), dmatrix, dw2]


def _parts_along(z: Tensor, axis: int) -> Tensor:
    """A view of the real and imaginary parts of ``z``, side by side along a new axis."""
    return torch.view_as_real(z).movedim(-1, axis)


def _rows(y: Tensor) -> Tensor:
    """A view of the parts of Y, (1 or 2, C, 2, n), as what :func:`real_matrix` takes, (2, D, n)."""
    return y.flatten(1, 2) if len(y) == 2 else y[0].transpose(0, 1)


def _product(a: Tensor, b: Tensor, factor: float) -> Tensor:
    """``factor a @ b`` of batches, in one operator."""
    out = a.new_empty(len(a), a.shape[1], b.shape[2])
    return torch.baddbmm(out, a, b, beta=0, alpha=factor, out=out)


def _parts(v: Tensor) -> Iterator[slice]:
    """Of the bins of ``v`` (C, B, bins), those that are worked on together."""
    channels, maps, bins = v.shape
    step = bins
    if is_on_cpu(v):
        step = max(1, max(CHUNK // channels, COLUMNS) // maps)
    return (slice(start, start + step) for start in range(0, bins, step))


def _join(found: Sequence[Tensor]) -> Tensor:
    return torch.cat(tuple(found), dim=-1) if len(found) > 1 else found[0]


def _sum(found: Sequence[Tensor]) -> Tensor:
    """In float32 at least."""
    first, *others = found
    if not others:
        return first
    total = at_least_float32(first)
    for each in others:
        total = total + each
    return total.to(first.dtype)
