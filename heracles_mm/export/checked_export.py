"""Trace, write, compare, and only then put the file where it was asked for."""

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from operator import truediv
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from heracles_mm.errors import UserError
from heracles_mm.export.formats import FORMATS, ExportOptions, Runner, Shape, quiet
from heracles_mm.export.freeze import freeze
from heracles_mm.export.wrappers import Target

TOLERANCE = 1e-4
"""Most that a number may differ from the eager model's."""


@dataclass(frozen=True)
class Report:
    """What was written.

    Args:
        max_abs_diff: of all numbers of all outputs from the eager model's, on other pictures than
            the traced one; ``max_abs_output`` is the largest of these numbers.
        outputs: name and shape of each for one batch.
        latency: time of the file's runtime over eager's, median over rounds; None if not taken.
        milliseconds: of runtime and eager, medians, with as many ``threads``.
    """

    format: str
    opset: int | None
    channels: int
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
    options: ExportOptions,
    path: Path,
    rounds: int = 0,
    on_step: Callable[[str], None] = lambda _: None,
) -> Report:
    """Write ``target`` to ``path``, if what was written computes the same.

    Args:
        target: float32, on the CPU; it is put into eval mode, and else left as it is.
        options: what to write.
        path: of the file, which appears whole and checked or not at all.
        rounds: in which the file and the eager model take turns for their latency; 0 for none.
        on_step: called with what begins.

    Raises:
        UserError: the options cannot be met, the file cannot be written, or its results differ from
            the eager model's by :data:`TOLERANCE` or more.
    """
    options.check()
    kind, model = FORMATS[options.format], target.module.eval()
    if path.suffix != kind.suffix:
        raise UserError(f'{path} must end in {kind.suffix}, as files of {options.format} do')

    def pictures(batch: int) -> Tensor:
        return torch.randn(batch, target.channels, *options.shape)

    with replacing(path) as part, torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        on_step('tracing')
        with quiet():  # one picture would be taken for a constant size of the batch
            x = pictures(max(2, options.batch) if options.dynamic_batch else options.batch)
            traced = _trace(model, x, options.dynamic_shapes)
        on_step(f'writing {options.format}')
        with quiet():
            kind.write(traced, part, target.outputs, options)
            run = kind.read(part)
        on_step('comparing with the eager model')
        others = {1, options.batch + 1} - {options.batch} if options.dynamic_batch else set()
        inputs = [pictures(batch) for batch in (*others, options.batch)]
        largest, difference, shapes = _compare(model, run, inputs)
        if not difference < TOLERANCE:
            raise UserError(
                f'the {options.format} file was not kept: its results differ from the eager '
                f"model's by up to {difference:.1e}, and {TOLERANCE:.0e} is allowed"
            )
        times: dict[str, list[float]] = {}
        if rounds:
            on_step(f'timing {rounds} rounds')
            with torch.inference_mode():
                times = _times({'runtime': run, 'eager': model}, pictures(options.batch), rounds)
        return Report(
            format=options.format,
            opset=options.opset if options.format == 'onnx' else None,
            channels=target.channels,
            shape=options.shape,
            batch=options.batch,
            dynamic_batch=options.dynamic_batch,
            bytes=part.stat().st_size,
            max_abs_diff=difference,
            max_abs_output=largest,
            outputs=dict(zip(target.outputs, shapes, strict=True)),
            latency=median(map(truediv, *times.values())) if times else None,
            milliseconds={name: median(s) * 1e3 for name, s in times.items()} or None,
            threads=torch.get_num_threads(),
        )


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, which is moved to ``path`` at the end, and removed after an error.

    Raises:
        UserError: the folder or the disk refuses it.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(0, 'it is a folder')
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f'.{path.name}.', dir=path.parent) as folder:
            yield Path(folder) / path.name
            os.replace(Path(folder) / path.name, path)
    except OSError as error:
        raise UserError(f'{path} cannot be written: {error.strerror or error}') from error


def _trace(model: nn.Module, x: Tensor, dynamic: tuple | None) -> torch.export.ExportedProgram:
    program = torch.export.export(freeze(model, x), (x,), dynamic_shapes=dynamic, strict=False)
    graphs = [m.graph for m in program.graph_module.modules() if isinstance(m, GraphModule)]
    for node in (node for graph in graphs for node in graph.nodes):
        node.meta.pop('stack_trace', None)  # which names the folders of whoever exports
    return program


def _compare(
    model: nn.Module, run: Runner, inputs: Iterable[Tensor]
) -> tuple[float, float, list[list[int]]]:
    """Largest number of the eager model's, largest difference from it, last outputs' shapes."""
    largest, differences, shapes = [], [], []
    for x in inputs:
        expected, found = ([y] if isinstance(y, Tensor) else y for y in (model(x), run(x)))
        shapes = [list(tensor.shape) for tensor in found]
        largest += [own.abs().max() for own in expected]
        differences += [(own - y).abs().max() for own, y in zip(expected, found, strict=True)]
    # max() of torch keeps a NaN, that of Python may not
    return torch.stack(largest).max().item(), torch.stack(differences).max().item(), shapes


def _times(calls: Mapping[str, Runner], x: Tensor, rounds: int) -> dict[str, list[float]]:
    """Seconds of each, in rounds in which they take turns, first and last by turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for index in range(rounds + 1):
        for name in sorted(calls, reverse=index % 2 > 0):
            start = time.perf_counter()
            calls[name](x)
            times[name].append(time.perf_counter() - start)
    return {name: values[1:] for name, values in times.items()}  # the first round warms up
