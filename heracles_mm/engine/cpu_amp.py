"""Mixed precision on a CPU, which mmengine's AmpOptimWrapper refuses."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class CpuAmpOptimWrapper(OptimWrapper):
    """Training steps under bfloat16 autocast; weights, gradients and evaluation stay in float32.

    bfloat16 has float32's range, so no loss is scaled. It is faster on processors with instructions
    for it (AMX, avx512_bf16), and slower on others.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield
