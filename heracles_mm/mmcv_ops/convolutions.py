"""Convolutions that choose where they look: deformable (arXiv 1703.06211), modulated deformable
(1811.11168), at chosen places only (MaskedConv2d), and upsampling by predicted kernels (CARAFE,
1905.02188).

Maps are (B, C, H, W). Offsets are (B, 2 G kh kw, H', W') as y, x of each tap, masks (B, G kh kw,
H', W'), in torchvision as in mmcv. Buffers that mmcv hands over for C++ to work in are left alone,
but for one.
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from heracles_mm.mmcv_ops.torchvision_ops import call, wide


def deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    output: Tensor,
    columns: Tensor,
    ones: Tensor,
    **options: int,
) -> None:
    """Fill ``output``."""
    tensors = input, weight, offset, *_no_mask(input, weight)
    output.copy_(_deform('deform_conv2d', tensors, _geometry(**options)))


def deform_conv_backward_input(
    input: Tensor,
    offset: Tensor,
    gradOutput: Tensor,
    gradInput: Tensor,
    gradOffset: Tensor,
    weight: Tensor,
    columns: Tensor,
    **options: int,
) -> None:
    """Fill ``gradInput`` and ``gradOffset``.

    torchvision computes the gradient of the weight with them. ``columns`` comes to
    ``deform_conv_backward_parameters`` next, so the gradient waits there.
    """
    tensors = gradOutput, input, weight, offset, *_no_mask(input, weight)
    gradients = _gradients(tensors, _geometry(**options))
    gradInput.copy_(gradients[0])
    gradOffset.copy_(gradients[2])
    columns.data = gradients[1].to(columns.dtype)


def deform_conv_backward_parameters(
    input: Tensor,
    offset: Tensor,
    gradOutput: Tensor,
    gradWeight: Tensor,
    columns: Tensor,
    ones: Tensor,
    scale: float,
    **options: int,
) -> None:
    """Fill ``gradWeight``."""
    if columns.shape != gradWeight.shape:  # nothing but the weight asked for a gradient
        tensors = gradOutput, input, gradWeight, offset, *_no_mask(input, gradWeight)
        columns = _gradients(tensors, _geometry(**options))[1]
    gradWeight.copy_(scale * columns)


def modulated_deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,
    with_bias: bool,
    **options: int,
) -> None:
    """Fill ``output``."""
    offset, mask = (_of_size(each, output) for each in (offset, mask))
    tensors = input, weight, offset, mask, _bias(bias, weight, with_bias)
    output.copy_(_deform('deform_conv2d', tensors, _modulated_geometry(**options)))


def modulated_deform_conv_backward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    columns: Tensor,
    grad_input: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    grad_offset: Tensor,
    grad_mask: Tensor,
    grad_output: Tensor,
    with_bias: bool,
    **options: int,
) -> None:
    """Fill the gradients, that of the bias only where there is one."""
    offset, mask = (_of_size(each, grad_output) for each in (offset, mask))
    tensors = grad_output, input, weight, offset, mask, _bias(bias, weight, with_bias)
    gradients = _gradients(tensors, _modulated_geometry(**options))
    grad_offset, grad_mask = (_of_size(each, grad_output) for each in (grad_offset, grad_mask))
    for filled, gradient in zip((grad_input, grad_weight, grad_offset, grad_mask), gradients):
        filled.copy_(gradient)
    if with_bias:
        grad_bias.copy_(gradients[4])


def masked_im2col_forward(
    im: Tensor,
    mask_h_idx: Tensor,
    mask_w_idx: Tensor,
    col: Tensor,
    kernel_h: int,
    kernel_w: int,
    pad_h: int,
    pad_w: int,
) -> None:
    """Fill ``col`` (C kh kw, N) with the windows of one map, (1, C, H, W), at N places."""
    padded = F.pad(im[0], (pad_w, pad_w, pad_h, pad_h))
    windows = padded.unfold(1, kernel_h, 1).unfold(2, kernel_w, 1)[:, mask_h_idx, mask_w_idx]
    col.copy_(windows.permute(0, 2, 3, 1).flatten(0, 2))


def masked_col2im_forward(
    col: Tensor,
    mask_h_idx: Tensor,
    mask_w_idx: Tensor,
    im: Tensor,
    height: int,
    width: int,
    channels: int,
) -> None:
    """Put ``col`` (C, N) at N places of ``im`` (1, C, H, W)."""
    im[0, :, mask_h_idx, mask_w_idx] = col.to(im.dtype)


def carafe_forward(
    features: Tensor,
    masks: Tensor,
    rfeatures: Tensor,
    routput: Tensor,
    rmasks: Tensor,
    output: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Fill ``output`` (B, C, s H, s W): each pixel a sum over a window, weighted by its own mask.

    mmcv's backward gets ``rfeatures`` (B, C, H, W) in place of the features.
    """
    rfeatures.copy_(features)
    total = _by_scale(wide(output), scale_factor).unflatten(1, (group_size, -1))
    total.zero_()
    for _, window, kernel in _taps(features, masks, kernel_size, group_size, scale_factor):
        total += window * kernel
    output.copy_(total.flatten(1, 2).reshape(output.shape))


def carafe_backward(
    top_grad: Tensor,
    rfeatures: Tensor,
    masks: Tensor,
    rtop_grad: Tensor,
    rbottom_grad_hs: Tensor,
    rbottom_grad: Tensor,
    rmask_grad: Tensor,
    bottom_grad: Tensor,
    mask_grad: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Fill ``bottom_grad`` (B, C, H, W) and ``mask_grad`` (B, g k k, s H, s W)."""
    gradient = _by_scale(wide(top_grad), scale_factor).unflatten(1, (group_size, -1))
    height, width = rfeatures.shape[2:]
    edge = kernel_size // 2
    summed = F.pad(torch.zeros_like(wide(rfeatures)), (edge,) * 4)
    of_masks = []
    for (y, x), window, kernel in _taps(rfeatures, masks, kernel_size, group_size, scale_factor):
        summed[:, :, y : y + height, x : x + width] += (gradient * kernel).sum((4, 6)).flatten(1, 2)
        of_masks.append((gradient * window).sum(2))
    bottom_grad.copy_(summed[:, :, edge : edge + height, edge : edge + width])
    mask_grad.copy_(torch.stack(of_masks, 2).reshape(mask_grad.shape))


def _deform(name: str, tensors: tuple[Tensor, ...], geometry: tuple[int, ...]) -> Any:
    masked = tensors[-2].numel() > 0
    return call(name, *map(wide, tensors), *geometry, masked)


def _gradients(tensors: tuple[Tensor, ...], geometry: tuple[int, ...]) -> list[Tensor]:
    """Of input, weight, offset, mask and bias.

    At -1, where the border taps of a new layer lie, the slope of interpolation is 0 on one side
    only; mmcv takes that side, torchvision the other.
    """
    gradients = list(_deform('_deform_conv2d_backward', tensors, geometry))
    _, _, weight, offset, *_ = tensors
    at_edge = _coordinates(wide(offset), weight.shape[2:], geometry) == -1
    gradients[2] = gradients[2].masked_fill(at_edge, 0)
    return gradients


def _coordinates(offset: Tensor, kernel: torch.Size, geometry: tuple[int, ...]) -> Tensor:
    """Where taps read, as the offsets: (B, 2 G kh kw, H', W') as y, x of each."""
    *steps, _, groups = geometry
    axes = []
    for size, taps, stride, padding, dilation in zip(
        offset.shape[2:], kernel, steps[0:2], steps[2:4], steps[4:6]
    ):
        place, tap = (torch.arange(n, device=offset.device) for n in (size, taps))
        axes.append(place * stride - padding + tap[:, None] * dilation)  # (taps, size)
    y, x = torch.broadcast_tensors(axes[0][:, None, :, None], axes[1][:, None])
    return torch.stack([y, x], 2).flatten(0, 2).repeat(groups, 1, 1) + offset


def _of_size(taps: Tensor, output: Tensor) -> Tensor:
    """Offsets or masks as mmcv reads them, a view: of the output's size, whatever theirs is.

    DyHead hands over those of a map of twice the size, and its published weights learnt with that.
    """
    (height, width), (batch, count) = output.shape[2:], taps.shape[:2]
    if taps.shape[2:] == (height, width):
        return taps
    return taps.view(batch, -1)[:, : count * height * width].view(batch, count, height, width)


def _no_mask(input: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """A mask and a bias for torchvision's operator where there are none."""
    return input.new_zeros(len(input), 0), weight.new_zeros(len(weight))


def _bias(bias: Tensor, weight: Tensor, with_bias: bool) -> Tensor:
    return bias if with_bias else weight.new_zeros(len(weight))


def _geometry(
    *,
    kH: int,
    kW: int,
    dH: int,
    dW: int,
    padH: int,
    padW: int,
    dilationH: int,
    dilationW: int,
    group: int,
    deformable_group: int,
    im2col_step: int,
) -> tuple[int, ...]:
    """torchvision's order of mmcv's options; it reads the kernel's size off the weight."""
    return dH, dW, padH, padW, dilationH, dilationW, group, deformable_group


def _modulated_geometry(
    *,
    kernel_h: int,
    kernel_w: int,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    group: int,
    deformable_group: int,
) -> tuple[int, ...]:
    return stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, group, deformable_group


def _by_scale(maps: Tensor, scale: int) -> Tensor:
    """(B, C, s H, s W) as (B, C, H, s, W, s)."""
    return maps.unflatten(3, (-1, scale)).unflatten(2, (-1, scale))


def _taps(
    features: Tensor, masks: Tensor, kernel_size: int, groups: int, scale: int
) -> Iterator[tuple[tuple[int, int], Tensor, Tensor]]:
    """For each place in the window: where it begins, the features there (B, g, C / g, H, 1, W, 1)
    and the masks (B, g, 1, H, s, W, s)."""
    (height, width), edge = features.shape[2:], kernel_size // 2
    padded = F.pad(wide(features), (edge,) * 4).unflatten(1, (groups, -1))
    kernels = _by_scale(wide(masks), scale).unflatten(1, (groups, 1, -1))
    for tap in range(kernel_size**2):
        y, x = divmod(tap, kernel_size)
        window = padded[..., y : y + height, x : x + width]
        yield (y, x), window[..., None, :, None], kernels[:, :, :, tap]
