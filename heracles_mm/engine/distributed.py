"""Several processes without a GPU: mmengine's launchers assume CUDA."""

import gc
import os
import traceback

import torch
import torch.distributed as dist
from mmengine.config import Config

from heracles_mm.errors import UserError

VARIABLES = {
    'pytorch': ('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST'),
    'mpi': (
        'OMPI_COMM_WORLD_RANK',
        'OMPI_COMM_WORLD_LOCAL_RANK',
        'OMPI_COMM_WORLD_SIZE',
        'MASTER_ADDR',
    ),
}
"""--launcher -> the environment that mmengine reads under it."""

STARTERS = {
    'pytorch': ('torchrun sets', 'start with tools/dist_train.sh or tools/dist_test.sh'),
    'slurm': ('srun sets', 'start with tools/slurm_train.sh'),
    'mpi': ("Open MPI's mpirun passes on", 'start with mpirun -x MASTER_ADDR=ADDRESS'),
}

LOCAL_RANKS = {'slurm': 'SLURM_LOCALID', 'mpi': 'OMPI_COMM_WORLD_LOCAL_RANK'}


def prepare_launcher(cfg: Config) -> str | None:
    """Make ``cfg.launcher`` work on this machine, on its CPU where no GPU is visible.

    Without a GPU the process group is opened here, with gloo, because mmengine calls
    ``torch.cuda.set_device`` first; DistributedDataParallel gets no device ids; and BatchNorm stays
    that of each process.

    Returns:
        One sentence about what was changed in ``cfg``, or None.

    Raises:
        UserError: variables of the launcher are missing, there are more processes than GPUs, or
            another launcher than 'pytorch' was asked for on a machine without a GPU.
    """
    launcher = cfg.get('launcher', 'none')
    if launcher == 'none':
        return None
    gpu = torch.cuda.is_available()
    if not gpu and launcher != 'pytorch':
        raise UserError(
            f'--launcher {launcher} needs a GPU in every process and none is visible: on CPUs '
            'use tools/dist_train.sh, which starts the processes with torchrun'
        )
    absent = [name for name in VARIABLES[launcher] if name not in os.environ]
    if absent:
        sets, start = STARTERS[launcher]
        raise UserError(
            f'--launcher {launcher} needs the variables that {sets}, and {absent[0]} is not set: '
            f'{start}'
        )
    if gpu:
        _check_enough_gpus()
        return None
    return _use_gloo(cfg)


def local_rank(launcher: str, default: int) -> str:
    """The number of this process on its machine, as the launcher's environment has it."""
    return os.environ.get(LOCAL_RANKS.get(launcher, ''), str(default))


def close_process_group() -> None:
    """End the process group and its threads, which mmengine does not do; nothing without a group.

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


def _check_enough_gpus() -> None:
    local_rank, gpus = int(os.environ.get('LOCAL_RANK', '0')), torch.cuda.device_count()
    if local_rank >= gpus:
        raise UserError(
            f'there are more processes than GPUs on this machine: local rank {local_rank} has no '
            f'GPU of its own, {gpus} are visible'
        )


def _use_gloo(cfg: Config) -> str | None:
    dist_cfg = cfg.setdefault('env_cfg', {}).setdefault('dist_cfg', {})
    asked_for = dist_cfg.get('backend', 'nccl')
    dist_cfg['backend'] = 'gloo'
    wrapper = cfg.get('model_wrapper_cfg') or {
        'type': 'MMDistributedDataParallel',
        'broadcast_buffers': False,  # as mmengine's default
        'find_unused_parameters': cfg.get('find_unused_parameters', False),
    }
    cfg.model_wrapper_cfg = {**wrapper, 'device_ids': None}
    cfg.sync_bn = None  # torch's SyncBatchNorm has no kernel for a CPU
    dist.init_process_group(backend='gloo')
    if asked_for == 'gloo':
        return None
    return f'no GPU is visible: the processes talk through gloo instead of {asked_for}'
