"""One cell of the table: every candidate at one size, in one dtype, eager or compiled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from heracles_mm.benchmark import steps
from heracles_mm.benchmark.memory import held_bytes, peak_bytes
from heracles_mm.benchmark.models import Candidate
from heracles_mm.benchmark.sizes import Size
from heracles_mm.benchmark.timing import Budget, Quartiles, interleave, ratios
from heracles_mm.benchmark.work import count_flops, matmul

DTYPES = {'float32': torch.float32, 'bfloat16': torch.bfloat16, 'float16': torch.float16}
MODES = ('eager', 'compiled')
MATMUL = 'matmul'

Step = Callable[[nn.Module, Tensor, torch.dtype], steps.Call]

BACKBONE_STEPS: dict[str, Step] = {
    'forward': steps.forward,
    'training': steps.training,
    'memory': steps.forward_backward,
}
FILTER_STEPS: dict[str, Step] = {
    'forward': steps.forward,
    'forward+backward': steps.filter_forward_backward,
    'memory': steps.filter_forward_backward,
}


@dataclass(frozen=True)
class Cell:
    """Where candidates meet."""

    size: Size
    dtype: str
    mode: str
    device: torch.device

    def __str__(self) -> str:
        return f'{self.size.name}, {self.dtype}, {self.mode}'


@dataclass(frozen=True)
class Row:
    """One measured figure.

    Args:
        value: seconds, or bytes for ``what='memory'`` (three equal values: it does not vary).
        ratio: value over the baseline's of the same round.
        rounds: seconds of every round, empty for memory.
        macs: multiply-adds of one call, as :func:`~heracles_mm.benchmark.work.count_flops` counts.
        matmul_share: operations per second over those of a plain matrix product in the same round.
    """

    model: str
    size: Size
    dtype: str
    mode: str
    what: str
    value: Quartiles
    ratio: Quartiles
    rounds: tuple[float, ...] = ()
    macs: int | None = None
    matmul_share: float | None = None

    @property
    def images_per_second(self) -> float | None:
        return None if self.what == 'memory' else self.size.batch / self.value.median


@dataclass(frozen=True)
class Plan:
    """What is measured in every cell, and how long."""

    candidates: Sequence[Candidate]
    steps: Mapping[str, Step]
    whats: Sequence[str]
    baseline: str
    budget: Budget
    seed: int


def measure(cell: Cell, plan: Plan, say: Callable[[str], None]) -> list[Row]:
    """All rows of a cell; ``say`` is told what is going on."""
    say(f'{cell}: building {len(plan.candidates)}')
    torch.manual_seed(plan.seed)
    x = torch.randn(cell.size.shape, device=cell.device)
    eager, models = {}, {}
    for candidate in plan.candidates:
        torch.manual_seed(plan.seed)
        model = candidate.build(cell.size.shape).to(cell.device)
        eager[candidate.name] = models[candidate.name] = model
        if cell.mode == 'compiled':
            compiled = torch.compile(model, fullgraph=candidate.fullgraph, dynamic=False)
            models[candidate.name] = cast(nn.Module, compiled)
    rows = []
    for what in plan.whats:
        say(f'{cell}: {what}')
        take = _memory if what == 'memory' else _time
        rows += take(cell, plan, what, x, eager, models)
    return rows


def _time(
    cell: Cell,
    plan: Plan,
    what: str,
    x: Tensor,
    eager: dict[str, nn.Module],
    models: dict[str, nn.Module],
) -> list[Row]:
    dtype, step = DTYPES[cell.dtype], plan.steps[what]
    flops = {name: count_flops(step(model, x, dtype)) for name, model in eager.items()}
    calls = {name: step(model, x, dtype) for name, model in models.items()}
    calls[MATMUL], matmul_flops = matmul(dtype, cell.device)
    times = interleave(calls, plan.budget, cell.device, plan.seed)
    matmul_times = times.pop(MATMUL)
    relative = ratios(times, plan.baseline)
    rows = []
    for name, values in times.items():
        shares = [
            flops[name] / own / (matmul_flops / base) for own, base in zip(values, matmul_times)
        ]
        rows.append(
            Row(
                name,
                cell.size,
                cell.dtype,
                cell.mode,
                what,
                Quartiles.of(values),
                relative[name],
                tuple(values),
                flops[name] // 2,
                Quartiles.of(shares).median,
            )
        )
    return rows


def _memory(
    cell: Cell,
    plan: Plan,
    what: str,
    x: Tensor,
    eager: dict[str, nn.Module],
    models: dict[str, nn.Module],
) -> list[Row]:
    peaks = {}
    for name, model in models.items():
        call = plan.steps[what](model, x, DTYPES[cell.dtype])
        call()  # compilation and tables that are made once
        peaks[name] = held_bytes(eager[name], x) + peak_bytes(call, cell.device)
    row = partial(Row, size=cell.size, dtype=cell.dtype, mode=cell.mode, what=what)
    return [
        row(
            model=name,
            value=Quartiles(peak, peak, peak),
            ratio=Quartiles(*[peak / peaks[plan.baseline]] * 3),
        )
        for name, peak in peaks.items()
    ]
