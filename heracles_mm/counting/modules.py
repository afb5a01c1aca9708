"""The parts of a model that a table shows: stem and stages of a backbone, neck, heads."""

from collections import Counter
from collections.abc import Iterator, Mapping

from torch import nn


def module_parts(model: nn.Module) -> dict[str, str]:
    """Dotted name of a module -> what the table calls it; a name stands for all that lies in it.

    A backbone with ``stages`` (each with an ``embed``) is shown as stem and stages, as are the
    parts of other backbones and of RoI heads, and every head of a list; all else by its own name.
    Parts without parameters are left out.
    """
    labels = dict(_parts(model, ''))
    return {n: label for n, label in labels.items() if [*model.get_submodule(n).parameters()]}


def _parts(module: nn.Module, prefix: str) -> Iterator[tuple[str, str]]:
    stages = getattr(module, 'stages', None)
    if isinstance(stages, nn.ModuleList) and hasattr(stages[0], 'embed'):
        yield f'{prefix}stages.0.embed', f'{prefix}stem'
        for index in range(len(stages)):
            yield f'{prefix}stages.{index}', f'{prefix}stage {index + 1}'
        return
    for name, child in module.named_children():
        if name in ('backbone', 'roi_head') or isinstance(child, nn.ModuleList):
            yield from _parts(child, f'{prefix}{name}.')
        else:
            yield f'{prefix}{name}', f'{prefix}{name}'


def outwards(name: str) -> Iterator[str]:
    """Of ``a.b.c``: itself, ``a.b``, ``a`` and the whole model, ''."""
    yield name
    while name:
        name = name.rpartition('.')[0]
        yield name


def part_of(name: str, known: Mapping[str, str]) -> str:
    """The label of the part that a module lies in, 'other' for none."""
    return next((known[outer] for outer in outwards(name) if outer in known), 'other')


def parameters_by_part(model: nn.Module) -> dict[str, int]:
    """Label of a part -> its parameters, in the order of the parts; shared ones count once."""
    known = module_parts(model)
    counts = Counter(dict.fromkeys(known.values(), 0))
    for name, parameter in model.named_parameters():
        counts[part_of(name, known)] += parameter.numel()
    return counts
