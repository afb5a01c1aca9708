"""Find the weights in what a checkpoint file may look like."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

from heracles_mm.errors import CheckpointError

WRAPPERS = ('state_dict', 'model', 'ema_state_dict')
"""Entries under which training frameworks store weights, in the order they are looked for. In
mmengine's files with averaged weights, ``state_dict`` holds the averaged ones."""

_PARALLEL = 'module.'
"""What DistributedDataParallel and averaged models put before each key."""


def weights_of(checkpoint: Any) -> dict[str, Tensor]:
    """The tensors of a checkpoint, out of their wrapping and without ``module.``.

    Raises:
        CheckpointError: there are none.
    """
    if not isinstance(checkpoint, dict):
        raise CheckpointError(
            f'the checkpoint holds no weights: it is a {type(checkpoint).__name__}'
        )
    for wrapper in WRAPPERS:
        if isinstance(checkpoint.get(wrapper), dict):
            return weights_of(checkpoint[wrapper])
    weights = {
        key.removeprefix(_PARALLEL): value
        for key, value in checkpoint.items()
        if isinstance(key, str) and isinstance(value, Tensor)
    }
    if not weights:
        raise CheckpointError(
            f'the checkpoint holds no weights: its entries are {a_few(checkpoint)}'
        )
    return weights


def find_prefix(weights: Iterable[str], module: nn.Module, preferred: str | None) -> str:
    """Where in ``weights`` the tensors of a module stand, such as a backbone's in a detector's.

    Args:
        weights: the keys of a checkpoint.
        module: what shall be loaded.
        preferred: the prefix to take if the tensors stand there, with or without its dot.

    Returns:
        The prefix with its dot, or ''. Where nothing looks like this module, ``preferred``.

    Raises:
        CheckpointError: they stand in several places, none of which is ``preferred``.
    """
    preferred = f'{preferred.rstrip(".")}.' if preferred else ''
    first = next(iter(module.state_dict()))
    places = [key.removesuffix(first) for key in weights if f'.{key}'.endswith(f'.{first}')]
    if preferred in places or not places:
        return preferred
    if len(places) > 1:
        raise CheckpointError(
            f'the checkpoint holds several backbones, under {places}, and none under '
            f"{preferred!r}: name one of them with prefix=... in the backbone's init_cfg"
        )
    return places[0]


def part_of(weights: dict[str, Any], prefix: str) -> dict[str, Any]:
    """What stands in ``weights`` under ``prefix``, by its names without it."""
    return {key[len(prefix) :]: value for key, value in weights.items() if key.startswith(prefix)}


def a_few(names: Iterable[str], count: int = 3) -> str:
    """The first names of a list, and how many more there are."""
    named = list(map(str, names))
    more = f' and {len(named) - count} more' if len(named) > count else ''
    return ', '.join(named[:count]) + more
