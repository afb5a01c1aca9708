"""When a route that is written for eager mode, or for the cache of a processor, may be taken.

Such a route computes what a module's children would, without calling them, or calls them more than
once or on parts of a batch. Hooks, adapters, pruning, quantisation and transforms act by those
calls, so a route is taken only where nobody could tell the difference; everybody else gets the
plain formula. This file alone decides.
"""

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.modules.module import _has_any_global_hook
from torch.overrides import _get_current_function_mode
from torch.utils._python_dispatch import _get_current_dispatch_mode

HOOKS = ('_forward_hooks', '_forward_pre_hooks', '_backward_hooks', '_backward_pre_hooks')


class AsMade(nn.Module):
    """A module with such a route. Its ``__init__`` ends with ``self.made = repr(self)``."""

    made: str

    def is_as_made(self) -> bool:
        """Whether its tree has the layers it was made with (or BatchNorms joined over processes),
        with nothing attached to them, and nothing watches or transforms what all modules do."""
        return (
            not is_traced()
            and not is_transformed()
            and not _has_any_global_hook()
            and all(_has_nothing_attached(module) for module in self.modules())
            and repr(self).replace('SyncBatchNorm', 'BatchNorm2d') == self.made
        )

    def on_cpu_as_made(self, x: Tensor) -> bool:
        """The same, for an ordinary tensor ``x`` of the CPU: GPUs have not the cost that most
        routes avoid (fresh memory pages, cache misses)."""
        return type(x) is Tensor and x.device.type == 'cpu' and self.is_as_made()


def is_traced() -> bool:
    """Whether what runs now is recorded for a compiler, an exporter or TorchScript."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def is_transformed() -> bool:
    """Whether tensors stand for others: in torch.func, forward-mode derivatives, or a mode that
    sees every operator."""
    if torch.compiler.is_compiling():  # which cannot ask
        return False
    return (
        torch._C._are_functorch_transforms_active()
        or forward_ad._current_level >= 0
        or _get_current_dispatch_mode() is not None
        or _get_current_function_mode() is not None
    )


def _has_nothing_attached(module: nn.Module) -> bool:
    attributes = module.__dict__
    return (
        type(module).__module__.startswith(('torch.nn.modules.', 'heracles_mm.'))
        and 'forward' not in attributes
        and attributes.get('_compiled_call_impl') is None
        and not any(attributes[name] for name in HOOKS)
        and all(type(p) in (nn.Parameter, Tensor, type(None)) for p in module._parameters.values())
    )
