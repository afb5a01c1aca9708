"""What a checkpoint may hold for a weight that lives on a grid of any size."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from heracles_mm.errors import UsageError


class ShapeError(ValueError):
    """A stored tensor of a shape that no grid explains."""


class OnAnyGrid(nn.Module, ABC):
    """A module whose one parameter ``weight`` is read from a checkpoint on whatever grid it is."""

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        key = prefix + 'weight'
        if key in state_dict:
            try:
                state_dict[key] = self._fit(state_dict[key], key)
            except ShapeError as error:
                # As torch does with other shapes: who loads decides (mmengine may go on without).
                error_msgs.append(str(error))
                return
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )

    @abstractmethod
    def _fit(self, weight: Tensor, key: str) -> Tensor:
        """A stored weight on this module's grid.

        Raises:
            ValueError: it cannot be one of its weights (:func:`check_stored`).
        """


def check_stored(
    weight: Tensor, key: str, leading: tuple[int, ...], owner: str, axes: int = 2
) -> None:
    """Refuse a stored tensor that cannot be a weight (*leading, H, W) of ``owner``, or, of one with
    a single axis, (*leading, T).

    Raises:
        ShapeError: wrong shape; the messages name ``key``.
        ValueError: not real floating-point, NaN or infinity.
    """
    count = len(leading)
    if weight.dim() != count + axes or weight.shape[:count] != leading or weight.numel() == 0:
        taken = ', '.join(str(size) for size in leading)
        any_size = 'H, W) with any H and W' if axes == 2 else 'T) with any T'
        raise ShapeError(
            f'{key}: the checkpoint has shape {tuple(weight.shape)}, this {owner} takes '
            f'({taken}, {any_size}'
        )
    if not weight.is_floating_point():
        raise UsageError(f'{key}: expected a real floating-point tensor, got {weight.dtype}')
    if not weight.isfinite().all():
        raise UsageError(f'{key}: the checkpoint holds NaN or infinity, it cannot be used')
