"""What a checkpoint may hold for a weight that lives on a grid of any size."""

from torch import Tensor


def check_stored(weight: Tensor, key: str, leading: tuple[int, ...], owner: str) -> None:
    """Refuse a stored tensor that cannot be a weight (*leading, H, W) of ``owner``.

    Raises:
        ValueError: wrong shape, not real floating-point, NaN or infinity; the message names
            ``key``.
    """
    count = len(leading)
    if weight.dim() != count + 2 or weight.shape[:count] != leading or weight.numel() == 0:
        taken = ', '.join(str(size) for size in leading)
        raise ValueError(
            f'{key}: the checkpoint has shape {tuple(weight.shape)}, this {owner} takes '
            f'({taken}, H, W) with any H and W'
        )
    if not weight.is_floating_point():
        raise ValueError(f'{key}: expected a real floating-point tensor, got {weight.dtype}')
    if not weight.isfinite().all():
        raise ValueError(f'{key}: the checkpoint holds NaN or infinity, it cannot be used')
