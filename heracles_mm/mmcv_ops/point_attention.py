"""Attention that reads maps at predicted places (multi-scale deformable attention, arXiv
2010.04159) and point-wise spatial attention (PSANet, ECCV 2018)."""

import torch
from torch import Tensor


def ms_deform_attn_forward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    im2col_step: int,
) -> Tensor:
    """Return (B, queries, channels), by mmcv's own function for the CPU (`grid_sample`).

    Args:
        value: (B, keys, heads, channels / heads).
        value_spatial_shapes: (levels, 2), height and width of each.
        sampling_locations: (B, queries, heads, levels, points, 2), x and y in 0..1.
        attention_weights: (B, queries, heads, levels, points).
    """
    from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch

    return multi_scale_deformable_attn_pytorch(
        value, value_spatial_shapes, sampling_locations, attention_weights
    )


def ms_deform_attn_backward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    grad_output: Tensor,
    grad_value: Tensor,
    grad_sampling_loc: Tensor,
    grad_attn_weight: Tensor,
    im2col_step: int,
) -> None:
    """Fill the three gradients; the forward pass runs again, so nothing of it had to be kept."""
    tensors = value, sampling_locations, attention_weights
    with torch.enable_grad():
        value, locations, weights = (each.detach().requires_grad_() for each in tensors)
        output = ms_deform_attn_forward(
            value, value_spatial_shapes, value_level_start_index, locations, weights, im2col_step
        )
    gradients = torch.autograd.grad(output, (value, locations, weights), grad_output)
    for filled, gradient in zip((grad_value, grad_sampling_loc, grad_attn_weight), gradients):
        filled.copy_(gradient)


def psamask_forward(
    input: Tensor,
    output: Tensor,
    psa_type: int,
    num_: int,
    h_feature: int,
    w_feature: int,
    h_mask: int,
    w_mask: int,
    half_h_mask: int,
    half_w_mask: int,
) -> None:
    """Fill ``output`` (B, H W, H, W): what pixels collect (0) from or distribute (1) to others.

    Args:
        input: (B, h_mask w_mask, H, W), weights around each pixel.
    """
    place, inside = _places(input, h_feature, w_feature, h_mask, w_mask, half_h_mask, half_w_mask)
    found = input.flatten(2).gather(1, place.expand(num_, -1, -1)).masked_fill(~inside, 0)
    output.copy_((found.transpose(1, 2) if psa_type else found).reshape(output.shape))


def psamask_backward(
    grad_output: Tensor,
    grad_input: Tensor,
    psa_type: int,
    num_: int,
    h_feature: int,
    w_feature: int,
    h_mask: int,
    w_mask: int,
    half_h_mask: int,
    half_w_mask: int,
) -> None:
    """Fill ``grad_input``."""
    place, inside = _places(
        grad_input, h_feature, w_feature, h_mask, w_mask, half_h_mask, half_w_mask
    )
    gradient = grad_output.flatten(2)
    gradient = (gradient.transpose(1, 2) if psa_type else gradient).masked_fill(~inside, 0)
    grad_input.view(num_, h_mask * w_mask, -1).scatter_add_(
        1, place.expand(num_, -1, -1), gradient.to(grad_input.dtype)
    )


def _places(
    like: Tensor, height: int, width: int, h_mask: int, w_mask: int, half_h: int, half_w: int
) -> tuple[Tensor, Tensor]:
    """For pairs of pixels, (H W, H W): where in the second's mask the first lies, if it does."""
    y, x = (torch.arange(size, device=like.device) for size in (height, width))
    row, column = y[:, None] - y + half_h, x[:, None] - x + half_w
    row, column = row[:, None, :, None], column[:, None]  # (H, 1, H, 1) and (W, 1, W)
    inside = (row >= 0) & (row < h_mask) & (column >= 0) & (column < w_mask)
    place = row.clamp(0, h_mask - 1) * w_mask + column.clamp(0, w_mask - 1)
    return place.view(height * width, -1), inside.view(height * width, -1)
