"""mmengine's launchers on this machine, on its CPU where no GPU is visible."""

import os

import torch
import torch.distributed as dist
from mmengine.config import Config

from heracles_mm.errors import UserError

_OPEN_MPI = ('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_LOCAL_RANK', 'OMPI_COMM_WORLD_SIZE')
LAUNCHERS = {
    'pytorch': (
        ('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'),
        'torchrun sets',
        'tools/dist_train.sh or tools/dist_test.sh',
    ),
    'slurm': (
        ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST'),
        'srun sets',
        'tools/slurm_train.sh',
    ),
    'mpi': (
        (*_OPEN_MPI, 'MASTER_ADDR'),
        "Open MPI's mpirun passes on",
        'mpirun -x MASTER_ADDR=ADDRESS',
    ),
}
"""--launcher -> the environment that mmengine reads under it, whose it is, what to start with."""

LOCAL_RANKS = {'slurm': 'SLURM_LOCALID', 'mpi': 'OMPI_COMM_WORLD_LOCAL_RANK'}


def local_rank(launcher: str, default: int) -> str:
    """The number of this process on its machine, as the launcher's environment has it."""
    return os.environ.get(LOCAL_RANKS.get(launcher, ''), str(default))


def prepare_launcher(cfg: Config) -> str | None:
    """Make ``cfg.launcher`` work on this machine.

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
    has_gpu = torch.cuda.is_available()
    if not has_gpu and launcher != 'pytorch':
        raise UserError(
            f'--launcher {launcher} needs a GPU in every process and none is visible: on CPUs '
            'use tools/dist_train.sh, which starts the processes with torchrun'
        )
    variables, set_by, start = LAUNCHERS[launcher]
    if absent := [name for name in variables if name not in os.environ]:
        raise UserError(
            f'--launcher {launcher} needs the variables that {set_by}, and {absent[0]} is not set: '
            f'start with {start}'
        )
    if not has_gpu:
        return _use_gloo(cfg)
    rank, gpus = int(os.environ.get('LOCAL_RANK', '0')), torch.cuda.device_count()
    if rank >= gpus:
        raise UserError(
            f'there are more processes than GPUs on this machine: local rank {rank} has no GPU of '
            f'its own, {gpus} are visible'
        )
    return None


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
