"""Count the multiply-adds of whatever runs in a context."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn
from torch.utils.flop_counter import FlopCounterMode, flop_registry, shape_wrapper

from heracles_mm.counting.formulas import FORMULAS
from heracles_mm.counting.kinds import Kind, kind_of

Work = Counter[tuple[str, Kind]]
"""Multiply-adds by (dotted name of the innermost module, kind of operator)."""


@contextmanager
def counting(model: nn.Module | None = None) -> Iterator[Work]:
    """Count what runs inside the context, forward and backward, into the Work that it gives.

    Args:
        model: whose modules' names are the keys; without it, and outside of it, the name is ''.
    """
    work: Work = Counter()
    inside: list[tuple[str, nn.Module]] = []
    known = {**flop_registry, **{op: shape_wrapper(f) for op, f in FORMULAS.items()}}

    def recording(operator: Any, formula: Callable[..., int]) -> Callable[..., int]:
        def record(*args: Any, **kwargs: Any) -> int:
            operations = formula(*args, **kwargs)
            name = inside[-1][0] if inside else ''
            work[name, kind_of(operator, [module for _, module in inside])] += operations // 2
            return operations

        record._get_raw = True  # type: ignore[attr-defined]  # the formulas read shapes themselves
        return record

    with ExitStack() as hooks:
        for name, module in model.named_modules() if model else ():
            entry = (name, module)
            before = module.register_forward_pre_hook(lambda *_, entry=entry: inside.append(entry))
            after = module.register_forward_hook(lambda *_: (inside.pop(), None)[1])
            hooks.callback(before.remove)
            hooks.callback(after.remove)
        mapping = {operator: recording(operator, formula) for operator, formula in known.items()}
        with FlopCounterMode(display=False, custom_mapping=mapping):
            yield work
