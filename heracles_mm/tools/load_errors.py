"""Errors of taking a checkpoint into the runner, told in a sentence instead of a traceback."""

from traceback import walk_tb

import torch

RUNNER = 'mmengine.runner.runner'
LOADERS = ('resume', 'load_checkpoint')


def about_load_error(error: Exception) -> str | None:
    """Say that a checkpoint does not fit the run and why, in one sentence.

    Returns:
        The sentence, or None for an error that was not raised while mmengine's runner loaded or
        resumed from a checkpoint, or that is about memory.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return None
    frames = list(walk_tb(error.__traceback__))
    loading = [
        frame
        for frame, _ in frames
        if frame.f_code.co_name in LOADERS and frame.f_globals.get('__name__') == RUNNER
    ]
    if not loading:
        return None
    last, line = frames[-1]
    where = last.f_globals.get('__name__', last.f_code.co_filename)
    return (
        f'the checkpoint {loading[0].f_locals["filename"]} does not fit this run: {error} '
        f'({type(error).__name__} in {where}, line {line})'
    )
