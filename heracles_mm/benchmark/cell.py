"""One cell of the table: every candidate at one size, in one dtype, eager or compiled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor

from heracles_mm.benchmark.candidates import Candidate
from heracles_mm.benchmark.resources import count_flops, held_bytes, peak_bytes
from heracles_mm.benchmark.suites import Size
from heracles_mm.benchmark.timing import Budget, Quartiles, interleave, ratio
from heracles_mm.benchmark.workloads import MEMORY, Workload, matmul, optimized
from heracles_mm.errors import UserError

DTYPES = {'float32': torch.float32, 'bfloat16': torch.bfloat16, 'float16': torch.float16}
OPTIMIZED, COMPILED = 'optimized', 'compiled'
MODES = ('eager', COMPILED, OPTIMIZED, f'{OPTIMIZED}-{COMPILED}')

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Cell:
    """Where candidates meet."""

    size: Size
    dtype: str
    mode: str
    device: torch.device

    def __str__(self) -> str:
        return f'{self.size.name}, {self.dtype}, {self.mode}'

    @property
    def is_compiled(self) -> bool:
        return self.mode.endswith(COMPILED)

    @property
    def is_optimized(self) -> bool:
        return self.mode.startswith(OPTIMIZED)

    @property
    def autocast(self) -> torch.dtype:
        """For the workloads: an optimized model has been cast before."""
        return torch.float32 if self.is_optimized else DTYPES[self.dtype]


@dataclass(frozen=True)
class Plan:
    """What is measured in every cell, against whom, and how long."""

    candidates: Sequence[Candidate]
    steps: Mapping[str, Workload]
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
        macs: multiply-adds of one call, without FFTs.
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
        return None if self.what == MEMORY else self.size.shape[0] / self.value.median


def steps_of_a_cell(plan: Plan) -> int:
    """How often :func:`measure` calls ``on_step``."""
    return 1 + len(plan.whats)


def measure(cell: Cell, plan: Plan, on_step: Progress, on_progress: Progress) -> list[Row]:
    """All rows of a cell; ``on_step`` is called with what begins, ``on_progress`` between rounds.

    Raises:
        UserError: a candidate cannot be built, or the device has too little memory.
    """
    rows: list[Row] = []
    models: dict[str, Any] = {}
    on_step(f'{cell}: building {len(plan.candidates)} candidates')
    if cell.is_compiled:
        torch.compiler.reset()  # variants of one class share the counter of recompilations
        torch._dynamo.config.recompile_limit = 8 * len(plan.candidates)
    torch.manual_seed(plan.seed)
    x = torch.randn(cell.size.shape, device=cell.device)
    try:
        for candidate in plan.candidates:
            torch.manual_seed(plan.seed)
            model: Any = candidate.build(cell.size.shape).to(cell.device)
            if cell.is_optimized:
                model = optimized(model, candidate.is_ours, x, DTYPES[cell.dtype])
            if cell.is_compiled:
                model = torch.compile(model, fullgraph=candidate.is_ours, dynamic=False)
            models[candidate.name] = model
        for what in plan.whats:
            on_step(f'{cell}: {what}')
            rows += _measure(cell, plan, what, models, x, on_progress)
    except torch.OutOfMemoryError as error:
        message = f'{cell}: the device has too little memory: leave out sizes or models'
        raise UserError(message) from error
    return rows


def _measure(
    cell: Cell, plan: Plan, what: str, models: dict[str, Any], x: Tensor, on_progress: Progress
) -> list[Row]:
    step = plan.steps[what]
    calls = {name: step(model, x, cell.autocast) for name, model in models.items()}
    details: dict[str, dict] = {}
    if what == MEMORY:
        values = {}
        for name, call in calls.items():
            call()  # compiles, and makes what is made once
            values[name] = [float(held_bytes(models[name], x) + peak_bytes(call, cell.device))]
    else:
        # The machine's own matrix product takes its turn in every round.
        calls['matmul'], matmul_flops = matmul(DTYPES[cell.dtype], cell.device)
        values = interleave(calls, plan.budget, plan.seed, on_progress)
        rates = [matmul_flops / seconds for seconds in values.pop('matmul')]
        for name, model in models.items():
            flops = count_flops(step(getattr(model, '_orig_mod', model), x, cell.autocast))
            details[name] = dict(
                rounds=tuple(values[name]),
                macs=flops // 2,
                matmul_share=median(flops / s / rate for s, rate in zip(values[name], rates)),
                matmul_rate=median(rates),
            )
    return [
        Row(
            *(name, cell.size, cell.dtype, cell.mode, what, Quartiles.of(own)),
            {baseline: ratio(own, values[baseline]) for baseline in plan.baselines},
            **details.get(name, {}),
        )
        for name, own in values.items()
    ]
