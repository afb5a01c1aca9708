"""The one rule by which a filter moves to another frequency grid."""

from torch import Tensor

from heracles_mm.spectral.precision import at_least_float32, no_autocast
from heracles_mm.spectral.tables import lerp_hold_matrix, lerp_wrap_matrix, table


def resample_filter(weight: Tensor, grid: tuple[int, int], periodic: bool) -> Tensor:
    """Move a frequency response ``weight`` (..., H, W) to the bins of ``grid``.

    Bin k of n stands for the frequency k / n in cycles per pixel (half cycles for a cosine axis),
    so the response is read at the same frequencies per *pixel* by linear interpolation: an object
    of so many pixels is treated alike in a larger picture. A ``periodic`` axis (Hartley) wraps; a
    cosine axis ends, and holds its last value behind its last bin. The rule is assumed: the papers
    fix 224.

    Preserved exactly: the same grid (identity), a constant response, the gain of a constant
    picture (bin 0), the range [min, max], linearity, and, on a periodic axis, symmetry (a filter
    that is even stays even). Not preserved: detail finer than the new grid's bins, the reach of the
    kernel behind half the old grid, and a journey there and back.

    Returns:
        (..., *grid) in the dtype of ``weight``, differentiable.
    """
    if weight.shape[-2:] == grid:
        return weight
    builder = lerp_wrap_matrix if periodic else lerp_hold_matrix
    with no_autocast(weight):
        y = at_least_float32(weight)
        rows = table(builder, y, y.shape[-2], grid[0])  # (H', H)
        columns = table(builder, y, y.shape[-1], grid[1])  # (W', W)
        y = rows @ y @ columns.mT
    return y.to(weight.dtype)
