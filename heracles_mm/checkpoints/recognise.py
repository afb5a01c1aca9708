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
    if isinstance(checkpoint, dict):
        for wrapper in WRAPPERS:
            if isinstance(checkpoint.get(wrapper), dict):
                return weights_of(checkpoint[wrapper])
        weights = {
            key.removeprefix(_PARALLEL): value
            for key, value in checkpoint.items()
            if isinstance(key, str) and isinstance(value, Tensor)
        }
        if weights:
            return weights
        raise CheckpointError(
            f'the checkpoint holds no weights: its entries are {a_few(checkpoint)}'
        )
    raise CheckpointError(f'the checkpoint holds no weights: it is a {type(checkpoint).__name__}')


def backbone_prefix(weights: Iterable[str], backbone: nn.Module, wanted: str | None) -> str:
    """Where in ``weights`` a backbone's tensors stand.

    Args:
        weights: the keys of a checkpoint.
        backbone: what shall be loaded.
        wanted: the prefix asked for, with or without its dot, which is taken where it fits; None
            for no wish.

    Returns:
        The prefix with its dot, or ''. Where nothing looks like this backbone, ``wanted``.

    Raises:
        CheckpointError: it fits in several places and none of them was asked for.
    """
    wanted = f'{wanted.rstrip(".")}.' if wanted else ''
    first = next(iter(backbone.state_dict()))
    places = [key.removesuffix(first) for key in weights if f'.{key}'.endswith(f'.{first}')]
    if wanted in places or not places:
        return wanted
    if len(places) > 1:
        raise CheckpointError(
            f'the checkpoint holds several backbones, under {places}, and none under {wanted!r}: '
            "name one of them with prefix=... in the backbone's init_cfg"
        )
    return places[0]


def a_few(names: Iterable[str], count: int = 3) -> str:
    """The first names of a list, and how many more there are."""
    named = list(map(str, names))
    more = f' and {len(named) - count} more' if len(named) > count else ''
    return ', '.join(named[:count]) + more
