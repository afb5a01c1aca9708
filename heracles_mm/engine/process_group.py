"""End a process group, which mmengine does not do."""

import gc
import traceback

import torch.distributed as dist


def close_process_group() -> None:
    """End the process group and its threads; nothing without a group.

    To be called when no frame holds the runner any more.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return
    # destroy_process_group leaves gloo's threads alive as long as anything holds the group, and a
    # thread takes the GIL to drop the tensors of its last work, a moment after that work ended. In
    # an interpreter that is closing this aborts the process, so the threads must end before. First
    # goes the runner, whose DistributedDataParallel would join them with the GIL held: a deadlock.
    # Then our reference is the last one, and dropping it joins the threads with the GIL released.
    group = dist.group.WORLD
    dist.destroy_process_group()
    gc.collect()
    del group


def release_frames(error: BaseException) -> None:
    """Drop what the frames of ``error`` hold, so that the process group can be closed."""
    link: BaseException | None = error
    while link is not None:
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__
