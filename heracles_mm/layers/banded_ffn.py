"""The feed-forward network of a large map without its wide hidden map ever in memory.

The hidden map is eight times as wide as the map itself. Written out whole it costs more time in
fresh memory pages and cache misses than in arithmetic, and training keeps three of it. Here a band
of rows at a time goes through all four layers; the backward pass computes the hidden map again, a
few channels at a time. Same numbers, from memory of a fixed size.
"""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heracles_mm.spectral.eager import gradients_of, is_compiled
from heracles_mm.spectral.precision import at_least_float32

BAND_BYTES = 4 * 2**20
"""Of the hidden map at a time: about the second-level cache of two cores."""


def is_wide(x: Tensor, conv: nn.Module) -> bool:
    """Whether one picture's hidden map of ``x`` (B, H, W, C), which ``conv`` takes, is too large
    for the cache.

    Smaller ones gain less in training than computing them again costs, and in inference a stage
    takes few enough of them at a time.
    """
    hidden = getattr(conv, 'in_channels', 0)  # another layer in its place may have no such thing
    return x[:1, ..., 0].numel() * hidden * x.itemsize > BAND_BYTES


def banded_ffn(
    x: Tensor, w1: Tensor, b1: Tensor, kernel: Tensor, bias: Tensor, w2: Tensor, b2: Tensor
) -> Tensor:
    """Linear, depthwise 3x3, exact GELU, Linear of maps (B, H, W, C).

    The weights are those of ``nn.Linear(C, hidden)``, ``nn.Conv2d(hidden, hidden, 3, padding=1,
    groups=hidden)`` and ``nn.Linear(hidden, C)``. Under autocast it computes in autocast's dtype,
    float64 excepted, as the layers themselves do.
    """
    tensors = [x, w1, b1, kernel, bias, w2, b2]
    if torch.is_autocast_enabled('cpu') and x.dtype != torch.float64:
        dtype = torch.get_autocast_dtype('cpu')
        tensors = [tensor.to(dtype) for tensor in tensors]
    with torch.autocast('cpu', enabled=False):
        return compiled_banded_ffn(*tensors) if is_compiled() else _BandedFFN.apply(*tensors)


class _BandedFFN(torch.autograd.Function):
    @staticmethod
    def forward(x, w1, b1, kernel, bias, w2, b2):
        x = x.contiguous()
        out = torch.empty_like(x)
        weights = (w1.mT.contiguous(), b1, kernel, bias, w2.mT.contiguous(), b2)
        for picture, result in zip(x, out, strict=True):
            _forward(picture, result, *weights)
        return out

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs[:-1])

    @staticmethod
    def backward(ctx, gradient):
        x, *weights = ctx.saved_tensors
        if torch.is_grad_enabled():  # this gradient is to be differentiated too
            out = _plain(x, *weights)
            gradients = gradients_of(out, ctx.saved_tensors, gradient)
            return *gradients, gradient.sum((0, 1, 2))
        return _gradients(gradient, x, *weights)


Seven = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


@torch.library.custom_op('heracles_mm::banded_ffn', mutates_args=())
def compiled_banded_ffn(
    x: Tensor, w1: Tensor, b1: Tensor, kernel: Tensor, bias: Tensor, w2: Tensor, b2: Tensor
) -> Tensor:
    """The same as one operator, for compilers: what they would make of its parts writes the wide
    map to memory."""
    return _BandedFFN.forward(x, w1, b1, kernel, bias, w2, b2)


@torch.library.custom_op('heracles_mm::banded_ffn_backward', mutates_args=())
def _compiled_gradients(
    gradient: Tensor,
    x: Tensor,
    w1: Tensor,
    b1: Tensor,
    kernel: Tensor,
    bias: Tensor,
    w2: Tensor,
) -> Seven:
    return _gradients(gradient, x, w1, b1, kernel, bias, w2)


@compiled_banded_ffn.register_fake
def _(x, w1, b1, kernel, bias, w2, b2):
    return x.new_empty(x.shape)


@_compiled_gradients.register_fake
def _(gradient, x, w1, b1, kernel, bias, w2):
    return tuple(t.new_empty(t.shape) for t in (x, w1, b1, kernel, bias, w2, w2[:, 0]))


compiled_banded_ffn.register_autograd(
    lambda ctx, gradient: _compiled_gradients(gradient, *ctx.saved_tensors),
    setup_context=_BandedFFN.setup_context,
)


def _gradients(gradient: Tensor, x: Tensor, *weights: Tensor) -> Seven:
    """Of ``x``, of the ``weights`` and of the last bias."""
    gradient = gradient.contiguous()
    # Sums over channels and pictures: in float32 at least, whatever the maps are in.
    dx, *sums = (torch.zeros_like(at_least_float32(t)) for t in (x.contiguous(), *weights))
    for picture, dpicture, dout in zip(x.contiguous(), dx, gradient, strict=True):
        _backward(picture, dpicture, dout, weights, sums)
    sums.append(at_least_float32(gradient).sum((0, 1, 2)))
    return tuple(total.to(x.dtype) for total in (dx, *sums))  # type: ignore[return-value]


def _plain(x: Tensor, w1: Tensor, b1: Tensor, kernel: Tensor, bias: Tensor, w2: Tensor) -> Tensor:
    """The formula without the last bias."""
    hidden = F.linear(x, w1, b1).permute(0, 3, 1, 2)
    local = F.conv2d(hidden, kernel, bias, padding=1, groups=len(kernel)).permute(0, 2, 3, 1)
    return F.linear(F.gelu(local), w2)


def _forward(
    x: Tensor,
    out: Tensor,
    w1: Tensor,  # (C, hidden)
    b1: Tensor,
    kernel: Tensor,
    bias: Tensor,
    w2: Tensor,  # (hidden, C)
    b2: Tensor,
) -> None:
    """Write the result for one picture ``x`` (H, W, C) to ``out``, band by band.

    ``band`` holds the hidden rows of a band with one more above and below; its last two rows are
    the first two of the next band, so that no row is computed twice.
    """
    height, width, channels = x.shape
    hidden = w1.shape[1]
    rows = max(2, min(height, BAND_BYTES // (width * hidden * x.itemsize)))
    band = x.new_empty(rows + 2, width, hidden)
    band[0] = 0  # the padding above the picture
    held, done = 1, 0  # rows in the band already, rows of x that went through the first layer
    for start in range(0, height, rows):
        end = min(start + rows, height)
        new = x[done : end + 1]
        done += len(new)
        target = band[held : held + len(new)].view(-1, hidden)
        torch.addmm(b1, new.reshape(-1, channels), w1, out=target)
        if end == height:
            band[held + len(new)] = 0  # the padding below
        y = F.conv2d(
            band[None, : end - start + 2].permute(0, 3, 1, 2),  # (1, hidden, rows + 2, W)
            kernel,
            bias,
            padding=(0, 1),
            groups=hidden,
        )
        y = torch.ops.aten.gelu_(y).permute(0, 2, 3, 1).reshape(-1, hidden)
        torch.addmm(b2, y, w2, out=out[start:end].view(-1, channels))
        band[:2] = band[rows:]
        held = 2


def _backward(
    x: Tensor, dx: Tensor, dout: Tensor, weights: Sequence[Tensor], sums: list[Tensor]
) -> None:
    """Add the gradient of a picture (H, W, C) to ``dx``, and those of the weights to ``sums``."""
    height, width, channels = x.shape
    tokens, dtokens, dout = (t.view(-1, channels) for t in (x, dx, dout))
    w1, b1, kernel, bias, w2 = weights
    dw1, db1, dkernel, dbias, dw2 = sums
    for part in _channel_blocks(len(w1), len(tokens) * x.itemsize):
        count = len(w1[part])

        def as_map(flat: Tensor, count: int = count) -> Tensor:
            return flat.view(1, height, width, count).permute(0, 3, 1, 2)

        hidden = as_map(torch.addmm(b1[part], tokens, w1[part].mT))
        local = F.conv2d(hidden, kernel[part], bias[part], padding=1, groups=count)
        active = F.gelu(local).permute(0, 2, 3, 1).reshape(-1, count)
        _add_product(dw2[:, part], dout.mT, active)
        dlocal = torch.ops.aten.gelu_backward(as_map(dout @ w2[:, part]), local)
        dhidden, dk, db = torch.ops.aten.convolution_backward(
            dlocal,
            hidden,
            kernel[part],
            [count],
            stride=[1, 1],
            padding=[1, 1],
            dilation=[1, 1],
            transposed=False,
            output_padding=[0, 0],
            groups=count,
            output_mask=[True, True, True],
        )
        dkernel[part] += dk
        dbias[part] += db
        flat = dhidden.permute(0, 2, 3, 1).reshape(-1, count)
        _add_product(dw1[part], flat.mT, tokens)
        db1[part] += flat.sum(0, dtype=db1.dtype)
        _add_product(dtokens, flat, w1[part])


def _channel_blocks(hidden: int, bytes_each: int) -> Iterator[slice]:
    size = max(64, BAND_BYTES // bytes_each)
    for start in range(0, hidden, size):
        yield slice(start, min(start + size, hidden))


def _add_product(out: Tensor, a: Tensor, b: Tensor) -> None:
    if out.dtype == a.dtype:
        torch.addmm(out, a, b, out=out)
    else:
        out += a @ b
