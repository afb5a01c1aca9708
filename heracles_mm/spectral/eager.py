"""When a route that is written for eager mode, or for the cache of a processor, may be taken."""

import torch
from torch import Tensor


def is_traced() -> bool:
    """Whether what runs now is recorded for a compiler, an exporter or TorchScript."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def eager_cpu(x: Tensor) -> bool:
    """Whether ``x`` is an ordinary CPU tensor that is computed on now.

    Compilers, exporters and tracers get the plain formula, which they fuse themselves; so do GPUs,
    where the cost that the routes avoid (fresh memory pages, cache misses) does not exist.
    """
    return type(x) is Tensor and x.device.type == 'cpu' and not is_traced()
