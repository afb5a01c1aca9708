"""Record what a call would launch, in eager mode, by module and operator."""

import copy
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from heracles_mm.benchmark.workloads import Call, Workload, training
from heracles_mm.roofline.launches import (
    UNREAD,
    Access,
    Launch,
    aten,
    is_fusible,
    kernels_of,
    kind_of,
    operations_of,
    tensors_of,
    touched,
)

COMPUTED = {torch.float32, torch.bfloat16, torch.float16, torch.complex64}
TABLES = {torch.float64, torch.complex128}
"""Of operators that prepare tables, which a cache keeps from pass to pass."""


def forward(model: nn.Module, x: Tensor, dtype: torch.dtype) -> Call:
    """The benchmark's forward pass without its inference mode, in which operators that are made of
    others would come whole."""
    model.eval()

    def call() -> object:
        with torch.no_grad(), torch.autocast('cpu', dtype=dtype, enabled=dtype != torch.float32):
            return model(x)

    return call


STEPS: dict[str, Workload] = {'forward': forward, 'training': training}


def record(
    model: nn.Module, step: Workload, shape: tuple[int, ...], dtype: torch.dtype, as_cuda: bool
) -> list[Launch]:
    """What the second of two equal passes launches; the first makes what is kept.

    Args:
        model: on the CPU. It stays as it is: a copy of it runs.
        step: one of :data:`STEPS`.
        shape: of its input.
        dtype: for autocast; float32 for none.
        as_cuda: as eager mode on a CUDA device would, on fake tensors, which compute nothing; else
            as it does on this CPU, computing everything.
    """
    model = copy.deepcopy(model)
    names = {module: name for name, module in model.named_modules()}
    with ExitStack() as stack:
        if as_cuda:
            stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
            stack.enter_context(_as_on_cuda())
        call = step(model, torch.randn(shape), dtype)
        with Recorder(names, as_cuda) as recorder, recorder.placed():
            call()
            recorder.launches.clear()
            call()
    return recorder.launches


class Recorder(TorchDispatchMode):
    """Sees every operator. It changes none, so the routes of eager mode are taken under it, those
    of CUDA with ``as_cuda`` (heracles_mm/spectral/eager.py asks for both attributes)."""

    takes_every_route = True

    def __init__(self, names: dict[nn.Module, str], as_cuda: bool) -> None:
        super().__init__()
        self.launches: list[Launch] = []
        self.as_cuda = as_cuda
        self._names = names
        self._inside: list[str] = []
        # Which module was inside when the autograd nodes from a number on were made.
        self._numbers, self._places = [0], ['']
        self._buffers: dict[int, int] = {}
        self._count = 0

    @contextmanager
    def placed(self) -> Iterator[None]:
        """Follow the calls of modules. Not by hooks, which would close the routes of eager mode."""
        plain = nn.Module.__call__

        def called(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if module not in self._names:
                return plain(module, *args, **kwargs)
            self._enter(self._names[module])
            try:
                return plain(module, *args, **kwargs)
            finally:
                self._leave()

        with mock.patch.object(nn.Module, '__call__', called):
            yield

    def _enter(self, name: str) -> None:
        self._inside.append(name)
        self._note_place()

    def _leave(self) -> None:
        self._inside.pop()
        self._note_place()

    def _note_place(self) -> None:
        self._numbers.append(torch._C._autograd._get_sequence_nr())
        self._places.append(self._inside[-1] if self._inside else '')

    def _place(self) -> str:
        if self._inside:
            return self._inside[-1]
        node = torch._C._current_autograd_node()
        if node is None:
            return ''
        return self._places[bisect_right(self._numbers, node._sequence_nr()) - 1]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.namespace != 'aten':  # questions, such as on which device a tensor is
            return func(*args, **kwargs)
        # What was kept is compared with a weight, which no fake tensor can be: it has not changed.
        out = True if func is aten.equal.default else func(*args, **kwargs)
        self._note(func, args, kwargs, out)
        return out

    def _note(self, overload: Any, args: tuple, kwargs: dict, out: Any) -> None:
        operator, place = overload.overloadpacket, self._place()
        inputs, outputs = tensors_of((args, kwargs)), tensors_of(out)
        dtypes = {tensor.dtype for tensor in (*inputs, *outputs)}
        if not dtypes & COMPUTED or dtypes & TABLES:
            return
        read, written = _accesses(overload, args, kwargs)
        views = [r.alias_info is not None for r in overload._schema.returns]
        if any(views) and not written:  # a view; that of a parameter has other memory when fake
            for tensor in outputs:
                self._buffers[_memory(tensor)] = self._buffer(inputs[0])
            return
        memory = {_memory(tensor) for tensor in inputs}
        fresh = [tensor for tensor in outputs if _memory(tensor) not in memory]
        for tensor in fresh:
            self._count += 1
            self._buffers[_memory(tensor)] = self._count
        written += fresh
        if 'empty' in operator.__name__ or (outputs and not written):  # memory alone, or a view
            return
        kernels, moved = kernels_of(operator, args, out) if self.as_cuda else (1, 0)
        writes = self._sizes(written)
        if moved:
            writes = (*writes, (writes[0][0], moved))
        kind = kind_of(operator, args, out)
        self.launches.append(
            Launch(
                name=operator.__name__,
                module=place,
                kind=kind,
                dtype=(inputs or outputs)[0].dtype,
                operations=operations_of(kind, operator, args, kwargs, out),
                kernels=kernels,
                reads=self._sizes(read),
                writes=writes,
                fusible=is_fusible(overload),
            )
        )

    def _sizes(self, tensors: Iterable[Tensor]) -> tuple[Access, ...]:
        return tuple((self._buffer(tensor), touched(tensor)) for tensor in tensors)

    def _buffer(self, tensor: Tensor) -> int:
        memory = _memory(tensor)
        if memory not in self._buffers:  # older than the recording
            self._count += 1
            self._buffers[memory] = self._count
        return self._buffers[memory]


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _accesses(overload: Any, args: tuple, kwargs: dict) -> tuple[list[Tensor], list[Tensor]]:
    """What an operator reads, and those of its inputs that it writes to."""
    read, written = [], []
    for index, argument in enumerate(overload._schema.arguments):
        value = args[index] if index < len(args) else kwargs.get(argument.name)
        tensors, alias = tensors_of(value), argument.alias_info
        is_target = alias is not None and alias.is_write
        if is_target:
            written += tensors
        if not (is_target and (argument.is_out or overload.overloadpacket in UNREAD)):
            read += tensors
    return read, written


@contextmanager
def _as_on_cuda() -> Iterator[None]:
    """Two rules of CUDA that the CPU has otherwise: under autocast layer norms and softmaxes
    compute in float32, and there is one fused attention for all masks, with their gradients."""

    def in_float32(plain: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def function(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            return plain(x.float() if torch.is_autocast_enabled('cpu') else x, *args, **kwargs)

        return function

    def attention(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None):
        if torch.is_autocast_enabled('cpu'):
            dtype = torch.get_autocast_dtype('cpu')
            q, k, v = q.to(dtype), k.to(dtype), v.to(dtype)
        if attn_mask is not None:
            attn_mask = attn_mask.to(q.dtype).expand(*q.shape[:-1], k.shape[-2])
        call = aten._scaled_dot_product_efficient_attention
        grad = torch.is_grad_enabled()
        return call(q, k, v, attn_mask, grad, dropout_p, is_causal, scale=scale)[0]

    with (
        mock.patch.object(F, 'layer_norm', in_float32(F.layer_norm)),
        mock.patch.object(F, 'softmax', in_float32(F.softmax)),
        mock.patch.object(F, 'scaled_dot_product_attention', attention),
    ):
        yield
