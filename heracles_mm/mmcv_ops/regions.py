"""Features inside boxes (regions of interest): RoIAlign (arXiv 1703.06870), RoIPool (1504.08083).

Maps are (B, C, H, W), regions (R, 5) as index in the batch, x1, y1, x2, y2 in pixels of the
picture, results (R, C, h, w). torchvision's own RoIPool rounds boxes; here it is mmcv's, which does
not.
"""

import torch
from torch import Tensor
from torchvision.ops import roi_align

from heracles_mm.mmcv_ops.torchvision_ops import call, float32, wide

MAX = 0  # mmcv's pool_mode; the other is the average
NOWHERE = -1  # mmcv's argmax where nothing was sampled
LEAST = -10000  # mmcv's maximum of nothing


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fill ``output`` and, for the maximum, where in the map each comes from."""
    maps = wide(input)
    _check(rois, len(maps), aligned)
    rois, scale, size = rois.to(maps.dtype), float32(spatial_scale), (aligned_height, aligned_width)
    if pool_mode != MAX:
        output.copy_(call('roi_align', maps, rois, scale, *size, sampling_ratio, aligned))
        return
    output.fill_(LEAST)
    argmax_y.fill_(NOWHERE)
    argmax_x.fill_(NOWHERE)
    rows, columns = (torch.arange(n, device=maps.device) for n in size)
    for index, region in enumerate(rois):
        y, x = _samples(region[1:] * scale, size, sampling_ratio, aligned)  # (h, m) and (w, n)
        if y.numel() and x.numel():
            corners = _corners(y.flatten()[:, None], x.flatten(), *maps.shape[2:])
            plane = maps[int(region[0])].flatten(1)
            read = [weight * plane[:, place] for place, weight in corners]  # (C, h m, w n)
            values = read[0] + read[1] + read[2] + read[3]
            values = values.unflatten(2, x.shape).unflatten(1, y.shape).transpose(2, 3).flatten(3)
            output[index], best = values.max(dim=3)  # the first of equals
            argmax_y[index] = y[rows[:, None], best // x.shape[1]]
            argmax_x[index] = x[columns, best % x.shape[1]]


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fill ``grad_input``."""
    gradient = wide(grad_output)
    rois, scale, size = rois.to(gradient.dtype), float32(spatial_scale), grad_input.shape
    if pool_mode == MAX:
        corners = _corners(wide(argmax_y), wide(argmax_x), *size[2:])
        sampled = argmax_y != NOWHERE
        corners = [(place, weight * gradient * sampled) for place, weight in corners]
        _add_to_planes(grad_input, rois, corners)
        return
    if torch.are_deterministic_algorithms_enabled() and gradient.device.type != 'cpu':
        grad_input.copy_(_ordered_gradient(gradient, rois, scale, size, sampling_ratio, aligned))
        return
    pooled = aligned_height, aligned_width
    options = rois, scale, *pooled, *size, sampling_ratio, aligned
    grad_input.copy_(call('_roi_align_backward', gradient, *options))


def roi_pool_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Fill ``output`` and ``argmax`` (int32), the place of each in its map of H * W."""
    _check(rois, len(input), aligned=False)
    argmax.fill_(NOWHERE)
    maps, (height, width) = wide(input), input.shape[2:]
    corners = rois[:, 1:].to(maps.dtype)
    corners = (corners + corners.new_tensor([0, 0, 1, 1])) * float32(spatial_scale)
    columns = _bins(corners[:, 0], corners[:, 2], pooled_width, width)
    rows = _bins(corners[:, 1], corners[:, 3], pooled_height, height)
    for index, (batch, *bins) in enumerate(zip(rois[:, 0].int().tolist(), rows, columns)):
        for h, (top, bottom) in enumerate(bins[0]):
            for w, (left, right) in enumerate(bins[1]):
                window = maps[batch, :, top:bottom, left:right]
                if window.numel():
                    output[index, :, h, w], best = window.flatten(1).max(dim=1)
                    y, x = best // (right - left) + top, best % (right - left) + left
                    argmax[index, :, h, w] = y * width + x


def roi_pool_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax: Tensor,
    grad_input: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Fill ``grad_input``."""
    corner = argmax.clamp(min=0).long(), wide(grad_output) * (argmax != NOWHERE)
    _add_to_planes(grad_input, rois, [corner])


def _check(rois: Tensor, batch: int, aligned: bool) -> None:
    """On a CPU, where operators read beyond their memory; elsewhere a look would have to wait."""
    if rois.device.type != 'cpu':
        return
    sound = rois.isfinite().all(1) & (rois[:, 0] >= 0) & (rois[:, 0] < batch)
    if aligned:  # as compiled; without it mmcv takes any box for one pixel at least
        sound &= (rois[:, 3:] >= rois[:, 1:3]).all(1)
    if not sound.all():
        index = int(sound.logical_not().nonzero()[0])
        raise RuntimeError(
            f'region {index} is {rois[index].tolist()}: it must be an index below {batch} and '
            'finite x1, y1, x2, y2' + (' with x1 <= x2 and y1 <= y2' if aligned else '')
        )


def _ordered_gradient(
    gradient: Tensor,
    rois: Tensor,
    scale: float,
    size: torch.Size,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    """RoIAlign's gradient where torch must sum in one order, which the operator does on a CPU
    alone: on other devices torchvision's function is plain torch then."""
    with torch.enable_grad():
        maps = gradient.new_zeros(size, requires_grad=True)
        pooled = roi_align(maps, rois, gradient.shape[2:], scale, sampling_ratio, aligned)
    return torch.autograd.grad(pooled, maps, gradient)[0]


def _samples(
    box: Tensor, size: tuple[int, int], sampling_ratio: int, aligned: bool
) -> tuple[Tensor, Tensor]:
    """Coordinates that RoIAlign reads in a box (4,) of the map: y (h, m) and x (w, n)."""
    shift = 0.5 if aligned else 0
    x1, y1, x2, y2 = box - shift
    found = []
    for first, last, bins in ((y1, y2, size[0]), (x1, x2, size[1])):
        length = last - first if aligned else (last - first).clamp(min=1)
        step = length / bins
        count = sampling_ratio if sampling_ratio > 0 else max(0, int(step.ceil()))
        bin, sample = (torch.arange(n, dtype=box.dtype, device=box.device) for n in (bins, count))
        found.append((first + bin * step)[:, None] + (sample + 0.5) * step / count)
    return found[0], found[1]


def _corners(y: Tensor, x: Tensor, height: int, width: int) -> list[tuple[Tensor, Tensor]]:
    """The four pixels around each point: their places in a plane of H * W, and their weights."""
    inside = (y >= -1) & (y <= height) & (x >= -1) & (x <= width)
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    top, left = y.long(), x.long()
    bottom, right = (top + 1).clamp(max=height - 1), (left + 1).clamp(max=width - 1)
    low, high = y - top, x - left
    return [
        (top * width + left, (1 - low) * (1 - high) * inside),
        (top * width + right, (1 - low) * high * inside),
        (bottom * width + left, low * (1 - high) * inside),
        (bottom * width + right, low * high * inside),
    ]


def _bins(first: Tensor, last: Tensor, count: int, length: int) -> list[list[tuple[int, int]]]:
    """Ends of a region's bins along one axis, none where it has no length: (R, count, 2)."""
    step = ((last - first) / count)[:, None]
    index = torch.arange(count, device=first.device)
    begin = (index * step + first[:, None]).floor().clamp(0, length)
    end = ((index + 1) * step + first[:, None]).ceil().clamp(0, length)
    end = torch.where(step > 0, end, begin)
    return torch.stack([begin, end], dim=2).int().tolist()


def _add_to_planes(total: Tensor, rois: Tensor, parts: list[tuple[Tensor, Tensor]]) -> None:
    """Add values (R, C, h, w) at places in the H * W pixels of each region's map."""
    _, channels, height, width = total.shape
    plane = rois[:, :1].long() * channels + torch.arange(channels, device=rois.device)  # (R, C)
    start = (plane * (height * width))[:, :, None, None]
    summed = wide(total).flatten()
    for place, value in parts:
        summed.index_add_(0, (start + place).flatten(), value.flatten())
    total.copy_(summed.view_as(total))
