"""Trace, write, compare, and only then put the file where it was asked for."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.fx import GraphModule

from heracles_mm.backbones.pyramid import SMALLEST_INPUT
from heracles_mm.benchmark.timing import Budget, Quartiles, interleave, ratios
from heracles_mm.errors import UserError
from heracles_mm.export.formats import (
    FORMATS,
    OPSET,
    OPSETS,
    Program,
    Runner,
    check_installed,
    quiet,
)
from heracles_mm.export.freeze import freeze
from heracles_mm.export.targets import Target

TOLERANCE = 1e-4
"""Most that a number may differ from the eager model's."""

Shape = tuple[int, int]


@dataclass(frozen=True)
class Wish:
    """What is to be written.

    Args:
        shape: height and width of the pictures, px; the file takes no other.
        batch: pictures at a time; with ``dynamic_batch`` one number to trace with, and any will do.
        format: a name of :data:`~heracles_mm.export.formats.FORMATS`.
        opset: of ONNX.
        notes: for the file's metadata (ONNX).
    """

    shape: Shape
    batch: int = 1
    dynamic_batch: bool = False
    format: str = 'onnx'
    opset: int = OPSET
    notes: Mapping[str, str] | None = None

    def check(self) -> None:
        """Raise an UserError for what cannot be had, or not here."""
        if min(self.shape) < SMALLEST_INPUT:
            raise UserError(
                f'pictures must have at least {SMALLEST_INPUT}x{SMALLEST_INPUT} px, '
                f'got {self.shape[0]}x{self.shape[1]}: give a larger --shape'
            )
        if self.opset not in OPSETS:
            raise UserError(
                f'opset {self.opset} cannot be written: choose one from {OPSETS[0]} to {OPSETS[-1]}'
            )
        check_installed(self.format)


@dataclass(frozen=True)
class Report:
    """What was written.

    Args:
        max_abs_diff: of all numbers of all outputs from the eager model's, on other pictures than
            the traced one; ``max_abs_output`` is the largest of these numbers.
        bytes: of the file.
        outputs: name and shape of each for one batch.
        latency: time of the file's runtime over eager's, median over rounds; None if not taken.
        milliseconds: of runtime and eager, medians.
        threads: of both.
    """

    format: str
    opset: int | None
    shape: Shape
    batch: int
    dynamic_batch: bool
    bytes: int
    max_abs_diff: float
    max_abs_output: float
    outputs: dict[str, list[int]]
    latency: float | None
    milliseconds: dict[str, float] | None
    threads: int


def export(
    target: Target,
    wish: Wish,
    path: Path,
    rounds: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Write ``target`` to ``path``, if what was written computes the same.

    Args:
        target: float32, on the CPU; it is put into eval mode, and else left as it is.
        wish: what to write.
        path: of the file, which appears whole and checked or not at all.
        rounds: in which the file and the eager model take turns for their latency; 0 for none.
        say: is told what is going on.

    Raises:
        UserError: the wish cannot be met, the file cannot be written, or its results differ from
            the eager model's by :data:`TOLERANCE` or more.
    """
    wish.check()
    kind = FORMATS[wish.format]
    if path.suffix != kind.suffix:
        raise UserError(f'{path} must end in {kind.suffix}, as files of {wish.format} do')
    model = target.module.eval()
    with beside(path) as part, torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        say('tracing')
        dynamic = ({0: torch.export.Dim('batch')},) if wish.dynamic_batch else None
        with quiet(), _told('traced', target):
            traced = _trace(model, wish, dynamic)
        program = Program(traced, dynamic, target.outputs, wish.opset, dict(wish.notes or {}))
        say(f'writing {wish.format}')
        with quiet(), _told('written', target):
            kind.write(program, part)
            run = kind.read(part)
        say('comparing with the eager model')
        largest, difference, shapes = _compare(model, run, wish)
        if not difference < TOLERANCE:
            raise UserError(
                f'the {wish.format} file was not kept: its results differ from the eager '
                f"model's by up to {difference:.1e}, and {TOLERANCE:.0e} is allowed"
            )
        times = _latency(model, run, wish, rounds, say) if rounds else None
        report = Report(
            format=wish.format,
            opset=wish.opset if wish.format == 'onnx' else None,
            shape=wish.shape,
            batch=wish.batch,
            dynamic_batch=wish.dynamic_batch,
            bytes=part.stat().st_size,
            max_abs_diff=difference,
            max_abs_output=largest,
            outputs=dict(zip(target.outputs, shapes, strict=True)),
            latency=ratios(times, 'eager')['runtime'].median if times else None,
            milliseconds=(
                {name: Quartiles.of(values).median * 1e3 for name, values in times.items()}
                if times
                else None
            ),
            threads=torch.get_num_threads(),
        )
    return report


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A path to write to, which is moved to ``path`` at the end, and removed after an error.

    Raises:
        UserError: the folder or the disk refuses it.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(0, 'it is a folder')
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f'.{path.name}.', dir=path.parent))
        try:
            yield folder / path.name
            os.replace(folder / path.name, path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise UserError(f'{path} cannot be written: {error.strerror or error}') from error


@contextmanager
def _told(step: str, target: Target) -> Iterator[None]:
    """Make a sentence of what torch finds wrong with a model it was not tried on."""
    try:
        yield
    except (OSError, UserError):
        raise
    except Exception as error:
        first = next(iter(str(error).splitlines()), '')
        raise UserError(
            f'this {type(target.module).__name__} cannot be {step} by torch.export: '
            f'{type(error).__name__}: {first}'
        ) from error


def _pictures(wish: Wish, batch: int) -> Tensor:
    return torch.randn(batch, 3, *wish.shape)


def _trace(
    model: torch.nn.Module, wish: Wish, dynamic: tuple | None
) -> torch.export.ExportedProgram:
    # One picture would be taken for a constant size of the batch.
    x = _pictures(wish, max(2, wish.batch) if dynamic else wish.batch)
    program = torch.export.export(freeze(model, x), (x,), dynamic_shapes=dynamic, strict=False)
    graphs = [m.graph for m in program.graph_module.modules() if isinstance(m, GraphModule)]
    for node in (node for graph in graphs for node in graph.nodes):
        node.meta.pop('stack_trace', None)  # which names the folders of whoever exports
    return program


def _compare(
    model: torch.nn.Module, run: Runner, wish: Wish
) -> tuple[float, float, list[list[int]]]:
    """Largest number of the eager model's, largest difference from it, shapes of the outputs."""
    largest, difference, shapes = [], [], []
    batches = {wish.batch, 1, wish.batch + 1} if wish.dynamic_batch else {wish.batch}
    for batch in sorted(batches, key=lambda size: size == wish.batch):  # the asked-for one last
        x = _pictures(wish, batch)
        expected, found = as_tuple(model(x)), as_tuple(run(x))
        shapes = [list(tensor.shape) for tensor in found]
        for own, theirs in zip(expected, found, strict=True):
            largest.append(own.abs().max())
            difference.append((own - theirs).abs().max())
    # max() of torch keeps a NaN, that of Python may not
    return torch.stack(largest).max().item(), torch.stack(difference).max().item(), shapes


def _latency(
    model: torch.nn.Module, run: Runner, wish: Wish, rounds: int, say: Callable[[str], None]
) -> dict[str, list[float]]:
    say(f'timing {rounds} rounds')
    x = _pictures(wish, wish.batch)
    with torch.inference_mode():
        calls = {'eager': lambda: model(x), 'runtime': lambda: run(x)}
        return interleave(calls, Budget(rounds, 0, rounds), x.device, seed=0)


def as_tuple(outputs: object) -> tuple[Tensor, ...]:
    """One tensor or several as a tuple."""
    return (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)  # type: ignore[arg-type]
