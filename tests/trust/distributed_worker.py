"""One process of several: every case on this process's pictures, as a job of Slurm on CPUs.

``python distributed_worker.py FOLDER CASE...`` with Slurm's variables; writes FOLDER/RANK.pt.
"""

import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from distributed_batchnorm import allow_on_cpus
from distributed_cases import Case, ddp, in_float64, pairs, train
from mmengine.dist import init_dist

import heracles_mm.classification  # noqa: F401  (registers the classifier, and the backbones)
from heracles_mm.engine.process_group import close_process_group


def main(folder: str, *names: str) -> None:
    torch.cuda.set_device = lambda device: None  # which mmengine calls for every launcher
    init_dist('slurm', backend='gloo')
    rank, world = dist.get_rank(), dist.get_world_size()
    numbers = pairs(world)[rank]
    traces, keep = {}, allow_on_cpus()
    with in_float64():
        for case in map(Case.named, names):
            traces[str(case), True] = train(case, numbers, 2, wrapper=ddp, sync_bn=True)
            if not case.with_cp:
                traces[str(case), False] = train(case, numbers, 1, wrapper=ddp)
    del keep
    seen = {name: os.environ[name] for name in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_ADDR')}
    torch.save({'traces': traces, 'environment': seen}, Path(folder) / f'{rank}.pt')
    close_process_group()


if __name__ == '__main__':
    main(*sys.argv[1:])
