"""One cell of the table: every candidate at one size, in one dtype, eager or compiled."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from heracles_mm.benchmark.flops import count_flops, matmul
from heracles_mm.benchmark.memory import held_bytes, peak_bytes
from heracles_mm.benchmark.models import Candidate
from heracles_mm.benchmark.sizes import Size
from heracles_mm.benchmark.steps import Step
from heracles_mm.benchmark.timing import Budget, Quartiles, interleave, ratios
from heracles_mm.errors import UserError

DTYPES = {'float32': torch.float32, 'bfloat16': torch.bfloat16, 'float16': torch.float16}
MODES = ('eager', 'compiled')
MEMORY = 'memory'
MATMUL = 'matmul'
"""Name under which the machine's own matrix product takes its turn in every round."""


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
class Plan:
    """What is measured in every cell, against whom, and how long."""

    candidates: Sequence[Candidate]
    steps: Mapping[str, Step]
    whats: Sequence[str]
    baselines: Sequence[str]
    budget: Budget
    seed: int


@dataclass(frozen=True)
class Row:
    """One measured figure.

    Args:
        value: seconds, or bytes for memory (three equal values: it does not vary).
        ratios: of each baseline, value over the baseline's of the same round.
        rounds: seconds of every round, empty for memory.
        macs: multiply-adds of one call, as :func:`~heracles_mm.benchmark.flops.count_flops` counts.
        matmul_share: operations per second over those of a plain matrix product in the same round.
        matmul_rate: operations per second of that matrix product, median of the rounds.
    """

    model: str
    size: Size
    dtype: str
    mode: str
    what: str
    value: Quartiles
    ratios: Mapping[str, Quartiles]
    rounds: tuple[float, ...] = ()
    macs: int | None = None
    matmul_share: float | None = None
    matmul_rate: float | None = None

    @property
    def images_per_second(self) -> float | None:
        return None if self.what == MEMORY else self.size.batch / self.value.median


@dataclass(frozen=True)
class _Room:
    """A cell with its input and its models, compiled or not, and the same ones before compiling."""

    cell: Cell
    x: Tensor
    models: Mapping[str, nn.Module]
    eager: Mapping[str, nn.Module]

    def row(self, model: str, what: str, value: Quartiles, **fields) -> Row:
        cell = self.cell
        return Row(model, cell.size, cell.dtype, cell.mode, what, value, **fields)


def steps_of_a_cell(plan: Plan) -> int:
    """How often :func:`measure` says that something begins."""
    return 1 + len(plan.whats)


def measure(
    cell: Cell, plan: Plan, say: Callable[[str], None], note: Callable[[str], None]
) -> list[Row]:
    """All rows of a cell; ``say`` is told what begins, and ``note`` how far it is.

    Raises:
        UserError: a candidate cannot be built, or the device has too little memory.
    """
    rows = []
    try:
        with _fresh_compiler(cell.mode, len(plan.candidates)):
            say(f'{cell}: building {len(plan.candidates)} candidates')
            room = _furnish(cell, plan)
            for what in plan.whats:
                say(f'{cell}: {what}')
                rows += _memory(room, plan) if what == MEMORY else _time(room, plan, what, note)
    except torch.OutOfMemoryError as error:
        raise UserError(
            f'{cell}: the device has too little memory: leave out sizes or models'
        ) from error
    return rows


def _furnish(cell: Cell, plan: Plan) -> _Room:
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
    return _Room(cell, x, models, eager)


def _time(room: _Room, plan: Plan, what: str, note: Callable[[str], None]) -> list[Row]:
    cell, dtype, step = room.cell, DTYPES[room.cell.dtype], plan.steps[what]
    flops = {n: count_flops(step(model, room.x, dtype)) for n, model in room.eager.items()}
    calls = {name: step(model, room.x, dtype) for name, model in room.models.items()}
    calls[MATMUL], matmul_flops = matmul(dtype, cell.device)
    times = interleave(calls, plan.budget, cell.device, plan.seed, note)
    matmul_rates = [matmul_flops / seconds for seconds in times.pop(MATMUL)]
    relative = {baseline: ratios(times, baseline) for baseline in plan.baselines}
    rows = []
    for name, rounds in times.items():
        shares = [flops[name] / own / rate for own, rate in zip(rounds, matmul_rates)]
        rows.append(
            room.row(
                name,
                what,
                Quartiles.of(rounds),
                ratios={baseline: values[name] for baseline, values in relative.items()},
                rounds=tuple(rounds),
                macs=flops[name] // 2,
                matmul_share=Quartiles.of(shares).median,
                matmul_rate=Quartiles.of(matmul_rates).median,
            )
        )
    return rows


def _memory(room: _Room, plan: Plan) -> list[Row]:
    peaks: dict[str, list[float]] = {}
    for name, model in room.models.items():
        call = plan.steps[MEMORY](model, room.x, DTYPES[room.cell.dtype])
        call()  # compiles, and makes what is made once
        peak = held_bytes(room.eager[name], room.x) + peak_bytes(call, room.cell.device)
        peaks[name] = [peak]
    relative = {baseline: ratios(peaks, baseline) for baseline in plan.baselines}
    return [
        room.row(
            name,
            MEMORY,
            Quartiles.of(peak),
            ratios={baseline: values[name] for baseline, values in relative.items()},
        )
        for name, peak in peaks.items()
    ]


@contextmanager
def _fresh_compiler(mode: str, candidates: int) -> Iterator[None]:
    """Forget compiled code, and allow each candidate its own: variants of one class share the
    counter of recompilations."""
    if mode == 'eager':
        yield
        return
    import torch._dynamo

    torch.compiler.reset()
    with torch._dynamo.config.patch(recompile_limit=8 * candidates):
        yield
