"""When a route that is written for eager mode, or for the cache of a processor, may be taken.

Such a route computes what a module's children would, without calling them, or calls them more than
once or on parts of a batch. Hooks, adapters, pruning, quantisation and transforms act by those
calls, so a route is taken only where nobody could tell the difference; everybody else gets the
plain formula. This file alone decides.
"""

import functools
import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.modules import module as torch_module
from torch.overrides import _get_current_function_mode
from torch.utils._python_dispatch import _get_current_dispatch_mode

_is_exporting = getattr(torch.compiler, 'is_exporting', lambda: False)  # from torch 2.7 on

HOOKS = ('_forward_hooks', '_forward_pre_hooks', '_backward_hooks', '_backward_pre_hooks')


class AsMade(nn.Module):
    """A module with such a route. Its ``__init__`` ends with ``self.made = repr(self)``."""

    made: str

    def is_as_made(self) -> bool:
        """Whether its tree has the layers it was made with (or BatchNorms joined over processes),
        with nothing attached to them, and nothing watches or transforms what all modules do.

        While torch.compile reads the model too, which then keeps to the answer; never for
        exporters and TorchScript.
        """
        if is_compiled():
            return self._is_untouched()
        return not is_traced() and not is_transformed() and self._is_untouched()

    def on_cpu_as_made(self, x: Tensor) -> bool:
        """The same, for a map ``x`` that :func:`is_on_cpu`."""
        return is_on_cpu(x) and self.is_as_made()

    def _is_untouched(self) -> bool:
        return (
            not any(getattr(torch_module, f'_global{kind}') for kind in HOOKS)
            and all(has_nothing_attached(module) for module in self.modules())
            and _layers(repr(self)) == _layers(self.made)
        )

    # As torch.compiler.assume_constant_result does, which would import the compiler here.
    _is_untouched._dynamo_marked_constant = True  # type: ignore[attr-defined]


def is_on_cpu(x: Tensor) -> bool:
    """Whether ``x`` is an ordinary tensor or parameter of the CPU: GPUs have not the cost that most
    routes avoid (fresh memory pages, cache misses)."""
    if is_compiled():
        return x.device.type == 'cpu'
    if is_traced() or type(x) not in (Tensor, nn.Parameter) or x.device.type != 'cpu':
        return False
    return not getattr(_get_current_dispatch_mode(), 'as_cuda', False)


def is_compiled() -> bool:
    """Whether what runs now is read by torch.compile, to be fused and run in its place."""
    return torch.compiler.is_dynamo_compiling() and not _is_exporting()


def is_traced() -> bool:
    """Whether what runs now is recorded for a compiler, an exporter or TorchScript."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def keep_traced_size(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """``x``; what :func:`torch.jit.trace` makes of this refuses maps of another size.

    A trace holds the tables and choices of the size it was made at, and would give wrong numbers
    at another. Exporters to other formats, which trace too, are left alone.
    """
    if not torch.jit.is_tracing() or torch.onnx.is_in_onnx_export():
        return x
    with warnings.catch_warnings():  # a constant of the trace is what is wanted here
        warnings.simplefilter('ignore', torch.jit.TracerWarning)
        return _traced_size_check()(x, list(axes), [int(x.shape[axis]) for axis in axes])


@functools.cache
def _traced_size_check() -> Callable[..., Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        return torch.jit.script(_refuse_another_size)


def _refuse_another_size(x: Tensor, axes: list[int], sizes: list[int]) -> Tensor:
    found = [x.size(axis) for axis in axes]
    if found != sizes:
        traced, got = 'x'.join([str(n) for n in sizes]), 'x'.join([str(n) for n in found])
        raise ValueError(
            f'this trace holds tables of maps of {traced} positions and got {got}: trace the model '
            'at each size of picture that it shall take, or export it with torch.export'
        )
    return x


def is_transformed() -> bool:
    """Whether tensors stand for others: in torch.func, forward-mode derivatives, or a mode that
    sees every operator and does not say that it only writes down what eager mode does."""
    if torch.compiler.is_compiling():  # which cannot ask
        return False
    mode = _get_current_dispatch_mode()
    return (
        torch._C._are_functorch_transforms_active()
        or forward_ad._current_level >= 0
        or not (mode is None or getattr(mode, 'takes_every_route', False))
        or _get_current_function_mode() is not None
    )


def gradients_of(y: Tensor, tensors: Sequence[Tensor], dy: Tensor) -> list[Tensor | None]:
    """Of ``y``, to be differentiated again; None of tensors that want none."""
    wanted = [tensor for tensor in tensors if tensor.requires_grad]
    found = iter(torch.autograd.grad(y, wanted, dy, create_graph=True))
    return [next(found) if tensor.requires_grad else None for tensor in tensors]


def _layers(tree: str) -> str:
    return tree.replace('SyncBatchNorm', 'BatchNorm2d')


def has_nothing_attached(module: nn.Module) -> bool:
    """Whether a module, whatever is in it, is torch's or ours, without hooks, a ``forward`` of its
    own or parameters of another kind."""
    attributes = module.__dict__
    return (
        type(module).__module__.startswith(('torch.nn.modules.', 'heracles_mm.'))
        and 'forward' not in attributes
        and attributes.get('_compiled_call_impl') is None
        and not any(attributes[name] for name in HOOKS)
        and all(type(p) in (nn.Parameter, Tensor, type(None)) for p in module._parameters.values())
    )
