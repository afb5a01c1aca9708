"""Something to do before a loop's first step, after ``before_train`` of every hook."""

from collections.abc import Callable
from typing import Any


def before_first_step(loop: Any, act: Callable[[], None]) -> bool:
    """Call ``act`` when ``loop``, of training, begins its first epoch or iteration; what was asked
    for last comes first.

    Returns:
        False for a loop that has neither ``run_epoch`` nor ``run_iter``: ``act`` is never called.
    """
    for name in ('run_epoch', 'run_iter'):
        if not hasattr(loop, name):
            continue
        step = getattr(loop, name)

        def first(*args: Any, name: str = name, step: Callable = step) -> Any:
            setattr(loop, name, step)
            act()
            return step(*args)

        setattr(loop, name, first)
        return True
    return False
