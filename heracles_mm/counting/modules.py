"""The parts of a model that a table shows: stem and stages of a backbone, neck, heads."""

from collections.abc import Iterator, Mapping

from torch import nn

DIVIDED = ('backbone', 'roi_head')
"""Shown by their own parts."""


def module_parts(model: nn.Module) -> dict[str, str]:
    """Dotted name of a module -> what the table calls it; a name stands for all that lies in it.

    A backbone with ``stages`` (each with an ``embed``) is shown as stem and stages, as are the
    parts of other backbones and of RoI heads, and every head of a list; all else by its own name.
    Parts without parameters are left out.
    """
    found = dict(_parts(model, ''))
    return {name: label for name, label in found.items() if _size(model.get_submodule(name))}


def _parts(module: nn.Module, prefix: str) -> Iterator[tuple[str, str]]:
    stages = getattr(module, 'stages', None)
    if isinstance(stages, nn.ModuleList) and hasattr(stages[0], 'embed'):
        yield f'{prefix}stages.0.embed', f'{prefix}stem'
        for index in range(len(stages)):
            yield f'{prefix}stages.{index}', f'{prefix}stage {index + 1}'
        return
    for name, child in module.named_children():
        if name in DIVIDED or isinstance(child, nn.ModuleList):
            yield from _parts(child, f'{prefix}{name}.')
        else:
            yield f'{prefix}{name}', f'{prefix}{name}'


def part_of(name: str, known: Mapping[str, str]) -> str:
    """The label of the part that a module lies in, 'other' for none."""
    while name and name not in known:
        name = name.rpartition('.')[0]
    return known.get(name, 'other')


def parameters_by_part(model: nn.Module) -> dict[str, int]:
    """Label of a part -> its parameters, in the order of :func:`parts`; shared ones count once."""
    known = module_parts(model)
    counts = dict.fromkeys(known.values(), 0)
    for name, parameter in model.named_parameters():
        label = part_of(name, known)
        counts[label] = counts.get(label, 0) + parameter.numel()
    return counts


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
