"""The one rule by which a filter moves to another frequency grid, and a kernel to another map."""

import torch
from torch import Tensor

from heracles_mm.spectral.precision import at_least_float32, no_autocast
from heracles_mm.spectral.tables import lerp_hold_matrix, lerp_wrap_matrix, table
from heracles_mm.spectral.transforms import multiply


def resample_filter(weight: Tensor, grid: tuple[int, ...], periodic: bool) -> Tensor:
    """Move a frequency response ``weight``, (..., H, W) or of a series (..., T), to the bins of
    ``grid``.

    Bin k of n stands for the frequency k / n in cycles per pixel (half cycles for a cosine axis),
    so the response is read at the same frequencies per *pixel* by linear interpolation: an object
    of so many pixels is treated alike in a larger picture. A ``periodic`` axis (Hartley) wraps; a
    cosine axis ends, and holds its last value after its last bin. The rule is assumed: the papers
    fix 224.

    Preserved exactly: the same grid (identity), a constant response, the gain of a constant
    picture (bin 0), the range [min, max], linearity, and, on a periodic axis, symmetry (a filter
    that is even stays even). Not preserved: detail finer than the new grid's bins, the reach of the
    kernel beyond half the old grid, and a journey there and back.

    Returns:
        (..., *grid) in the dtype of ``weight``, differentiable.
    """
    if weight.shape[-len(grid) :] == grid:
        return weight
    builder = lerp_wrap_matrix if periodic else lerp_hold_matrix
    with no_autocast(weight):
        y = at_least_float32(weight)
        for axis, size in zip(range(-len(grid), 0), grid):
            y = multiply(table(builder, y, y.shape[axis], size), y, axis)
    return y.to(weight.dtype)


def resample_kernel(weight: Tensor, grid: tuple[int, int], fft_axes: str) -> Tensor:
    """Move a convolution kernel ``weight`` (..., H, W) to maps of ``grid``.

    Entry (h, w) is the kernel's value at an offset in positions, (dy, dx), both modulo the map:
    from -(n // 2) to (n - 1) // 2 along an axis of n. Offsets mean the same on any map, so each
    value keeps its offset: a larger map gets zeros at the offsets that the old one did not have,
    a smaller one drops those that it has no room for. The rule is assumed: the paper fixes 224.

    With ``fft_axes='tokens'`` the kernel is 1-D over the H W positions in row-major order and entry
    (h, w) is its value at h W + w = dy W + dx; the same (dy, dx) is dy W' + dx on the new map.

    Preserved exactly: the same grid (identity), a shift by any offset that both grids have (an
    impulse at the origin is the shift by none), linearity, and, when both sides of the new grid
    are no smaller, the kernel's norm and a journey there and back.

    Returns:
        (..., *grid) in the dtype of ``weight``, differentiable.
    """
    if weight.shape[-2:] == grid:
        return weight
    if fft_axes == 'tokens':
        weight = _roll_left_half(weight, 1)
    weight = _move_offsets(_move_offsets(weight, grid[0], -2), grid[1], -1)
    return _roll_left_half(weight, -1) if fft_axes == 'tokens' else weight


def _roll_left_half(weight: Tensor, rows: int) -> Tensor:
    """Roll the columns of negative dx: h W + w = (h + 1) W + (w - W), so they stand a row above
    their dy in the 1-D kernel."""
    right, left = weight.tensor_split([(weight.shape[-1] + 1) // 2], dim=-1)
    return torch.cat((right, left.roll(rows, -2)), dim=-1)


def _move_offsets(weight: Tensor, size: int, axis: int) -> Tensor:
    """Keep the offsets around the origin that both lengths of ``axis`` have, zeros elsewhere."""
    old = weight.shape[axis]
    forward, backward = (min(old, size) + 1) // 2, min(old, size) // 2
    shape = list(weight.shape)
    shape[axis] = size - forward - backward
    return torch.cat(
        (
            weight.narrow(axis, 0, forward),
            weight.new_zeros(shape),
            weight.narrow(axis, old - backward, backward),
        ),
        dim=axis,
    )
