"""Errors that a config raises inside the libraries, with no other code in between, told in a
sentence."""

import sys
from traceback import walk_tb

import torch
from torch import distributed as dist

LIBRARIES = {'__main__', 'heracles_mm', 'mmengine', 'numpy', 'torch', *sys.stdlib_module_names}


def about_setup_error(error: Exception) -> str | None:
    """Say what mmengine or torch could not do with the config, in one sentence.

    Returns:
        The sentence, or None where the traceback says more: for an error in which a model, a data
        set or a hook had part, of the backward pass, of memory, or of one of several processes.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return None
    if dist.is_available() and dist.is_initialized():
        return None
    frames = list(walk_tb(error.__traceback__))
    modules = [frame.f_globals.get('__name__', '') for frame, _ in frames]
    others = {module.partition('.')[0] for module in modules} - LIBRARIES
    ours = [m for m in modules if m.startswith('heracles_mm.') and '.tools.' not in m]
    backward = any(frame.f_code.co_name == 'backward' for frame, _ in frames)
    last = modules[-1]
    if (
        others
        or ours
        or backward
        or last.startswith('heracles_mm.')
        or 'mmengine' not in str(modules)
    ):
        return None
    return (
        f'the config sets what does not work: {str(error) or "no reason given"} '
        f'({type(error).__name__} in {last}, line {frames[-1][1]})'
    )
