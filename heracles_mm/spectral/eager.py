"""When a route written for the cache of a processor may be taken."""

import torch
from torch import Tensor


def eager_cpu(x: Tensor) -> bool:
    """Whether ``x`` is an ordinary CPU tensor that is computed on now.

    Compilers, exporters and tracers get the plain formula, which they fuse themselves; so do GPUs,
    where the cost that the routes avoid (fresh memory pages, cache misses) does not exist.
    """
    return (
        type(x) is Tensor
        and x.device.type == 'cpu'
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
    )
