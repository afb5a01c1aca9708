"""Which grids the layers of a model work on."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn


def grids_seen(
    model: nn.Module, layers: Iterable[nn.Module], *inputs: Tensor
) -> dict[nn.Module, tuple[int, ...]]:
    """The grid of the maps (B, H, W, C), or series (B, T, C), that each of some layers of a model
    was given last when it ran on ``inputs``; those that did not run are left out."""
    grids: dict[nn.Module, tuple[int, ...]] = {}

    def record(layer: Any, inputs: tuple[Tensor]) -> None:
        grids[layer] = tuple(inputs[0].shape[1:-1])

    hooks = [layer.register_forward_pre_hook(record) for layer in layers]
    model(*inputs)
    for hook in hooks:
        hook.remove()
    return grids
