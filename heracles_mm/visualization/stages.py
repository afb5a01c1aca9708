"""What a backbone computes on its way: the maps of its stages, and any other module's output."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from heracles_mm.errors import UsageError


@contextmanager
def outputs_of(modules: Sequence[nn.Module]) -> Iterator[list[list[Any]]]:
    """For each module the list of what it gives while the context lasts, call by call."""
    found: list[list[Any]] = [[] for _ in modules]
    with ExitStack() as hooks:
        for module, results in zip(modules, found, strict=True):
            handle = module.register_forward_hook(
                lambda _module, _inputs, output, results=results: results.append(output)
            )
            hooks.callback(handle.remove)
        yield found


def stage_maps(backbone: nn.Module, pictures: Tensor) -> list[Tensor]:
    """The maps (B, H / s, W / s, C) of all stages of a backbone, each behind its norm.

    Args:
        backbone: with ``stages``.
        pictures: (B, 3, H, W), normalised; one, or any number under gradients.
    """
    with outputs_of(list(backbone.stages)) as found:  # type: ignore[arg-type]
        backbone(pictures)
    return [results[0] for results in found]


def modules_by_stage(backbone: nn.Module, *kinds: type) -> dict[int, list[Any]]:
    """Stage, counted from 1 -> its modules of one of ``kinds``, in order; stages without are left
    out.

    Raises:
        ValueError: there are none in the whole backbone.
    """
    found = {
        index: [module for module in stage.modules() if isinstance(module, kinds)]
        for index, stage in enumerate(backbone.stages, 1)  # type: ignore[arg-type]
    }
    found = {index: modules for index, modules in found.items() if modules}
    if not found:
        names = ' or '.join(kind.__name__ for kind in kinds)
        raise UsageError(f'{type(backbone).__name__} has no {names} to show')
    return found


def check_stage(backbone: nn.Module, stage: int) -> None:
    """Raise a ValueError for a stage, counted from 1, that the backbone lacks."""
    count = len(backbone.stages)  # type: ignore[arg-type]
    if stage not in range(1, count + 1):
        raise UsageError(
            f'stage {stage} does not exist: {type(backbone).__name__} has 1 to {count}'
        )
