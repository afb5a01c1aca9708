"""What is done once per round: a forward pass, a training step, and so on, as plain calls.

Making a call puts the model into the mode (training or evaluation) that the call needs.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from heracles_mm.inference import optimize_for_inference

Call = Callable[[], object]
"""One pass over the input of a cell."""

Workload = Callable[[nn.Module, Tensor, torch.dtype], Call]
"""Makes the call from a model, its input and the dtype to compute in."""

MEMORY = 'memory'
"""The workload whose peak memory is measured instead of its time."""

MATMUL_SIDE = {'cpu': 2048, 'cuda': 8192}
"""Side of the square matrices of the machine's own rate."""


def forward(model: nn.Module, x: Tensor, dtype: torch.dtype) -> Call:
    """A forward pass in evaluation and inference mode."""
    model.eval()

    def call() -> object:
        with torch.inference_mode(), _autocast(x, dtype):
            return model(x)

    return call


def forward_backward(
    model: nn.Module, x: Tensor, dtype: torch.dtype, update: Call = lambda: None
) -> Call:
    """Forward in training mode, backward of the sum of squares of all maps; no gradient is kept."""
    model.train()

    def call() -> None:
        with _autocast(x, dtype):
            maps = model(x)
        maps = [maps] if isinstance(maps, Tensor) else maps
        sum(m.float().square().sum() for m in maps).backward()
        update()
        model.zero_grad()

    return call


def training(model: nn.Module, x: Tensor, dtype: torch.dtype) -> Call:
    """:func:`forward_backward` and a step of fused AdamW.

    Its learning rate is 0, which does the whole arithmetic and leaves every step the same work.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0, fused=True)
    return forward_backward(model, x, dtype, optimizer.step)


def filter_forward_backward(model: nn.Module, x: Tensor, dtype: torch.dtype) -> Call:
    """From a given gradient of a filter's output to those of its input and weight: the passes of a
    loss over the map would be as dear as the filter's own."""
    x = x.clone().requires_grad_()
    gradient = torch.randn_like(x)

    def call() -> None:
        with _autocast(x, dtype):
            y = model(x)
        y.backward(gradient)
        x.grad = None
        model.zero_grad()

    return call


def optimized(model: nn.Module, is_ours: bool, x: Tensor, dtype: torch.dtype) -> nn.Module:
    """The model for forward passes alone, on inputs like ``x``."""
    return optimize_for_inference(model, x, dtype) if is_ours else _Cast(model, dtype)


class _Cast(nn.Module):
    """A peer as :func:`heracles_mm.optimize_for_inference` makes ours: weights in a dtype, input
    and output in their own."""

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.model, self.dtype = model.to(dtype), dtype

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = self.model(x.to(self.dtype))
        return [m.to(x.dtype) for m in ([maps] if isinstance(maps, Tensor) else maps)]


def matmul(dtype: torch.dtype, device: torch.device) -> tuple[Call, int]:
    """A square matrix product of the given dtype, and its floating-point operations."""
    side = MATMUL_SIDE[device.type]
    a, b = torch.randn(2, side, side, device=device).to(dtype)
    return lambda: a @ b, 2 * side**3


def _autocast(x: Tensor, dtype: torch.dtype) -> torch.autocast:
    return torch.autocast(x.device.type, dtype=dtype, enabled=dtype != torch.float32)
