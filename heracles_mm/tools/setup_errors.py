"""Errors that a config raises inside the libraries before anything runs, told in a sentence."""

from traceback import walk_tb

import torch

LIBRARIES = ('mmengine', 'torch')
STEPS = ('run_iter', 'train_step', 'val_step', 'test_step', 'evaluate')
"""Functions inside of which training, validation or testing has begun."""


def about_setup_error(error: Exception) -> str | None:
    """Say what mmengine or torch could not do with the config, in one sentence.

    Returns:
        The sentence, or None for an error of other code, of a step that was running, or of memory:
        there the traceback says more.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return None
    frames = list(walk_tb(error.__traceback__))
    modules = [frame.f_globals.get('__name__', '') for frame, _ in frames]
    inside = any(module.startswith('mmengine.runner') for module in modules)
    started = any(frame.f_code.co_name in STEPS for frame, _ in frames)
    if not inside or started or modules[-1].partition('.')[0] not in LIBRARIES:
        return None
    return (
        f'the config sets what does not work: {str(error) or "no reason given"} '
        f'({type(error).__name__} in {modules[-1]}, line {frames[-1][1]})'
    )
