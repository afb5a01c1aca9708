"""Trace, write, compare, and only then put the file where it was asked for."""

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import truediv
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from heracles_mm.errors import UserError
from heracles_mm.export.compare import NUDGE, Comparison
from heracles_mm.export.formats import FORMATS, ExportOptions, Runner, Shape, quiet
from heracles_mm.export.freeze import freeze
from heracles_mm.export.reduced_precision import reduce
from heracles_mm.export.wrappers import Target
from heracles_mm.runtime.geometry import LEAST_SIDE

NUDGES = 3
"""Of a detector's picture: what hangs on a rounding is seldom shown by one."""

Inputs = tuple[Tensor, ...]


@dataclass(frozen=True)
class Report:
    """What was written.

    Args:
        differences: for each output the largest of any number from the eager model's, on other
            pictures than the traced one; ``largest`` is the largest of the model's numbers.
        detections: of the model in all these pictures, each found by the file too; None for models
            that do not detect.
        outputs: name and shape of each for one batch.
        latency: time of the file's runtime over eager's, median over rounds; None if not taken.
        milliseconds: of runtime and eager, medians, with as many ``threads``.
        accuracy: by precision what the caller measured of the file, and of the float32 one that it
            was made from.
    """

    format: str
    opset: int | None
    channels: int
    shape: Shape
    any_size: bool
    batch: int
    dynamic_batch: bool
    precision: str
    bytes: int
    differences: dict[str, float]
    largest: dict[str, float]
    detections: int | None
    outputs: dict[str, list[int]]
    latency: float | None
    milliseconds: dict[str, float] | None
    threads: int
    accuracy: dict[str, dict[str, float]]


def export(
    target: Target,
    options: ExportOptions,
    path: Path,
    rounds: int = 0,
    on_step: Callable[[str], None] = lambda _: None,
    pictures: Sequence[Tensor] = (),
    calibration: Iterable[Tensor] = (),
    measure: Callable[[Path], dict[str, float]] | None = None,
) -> Report:
    """Write ``target`` to ``path``, if what was written computes the same.

    Args:
        target: float32, on the CPU; it is put into eval mode, and else left as it is.
        options: what to write.
        path: of the file, which appears whole and checked or not at all.
        rounds: in which the file and the eager model take turns for their latency; 0 for none.
        on_step: called with what begins.
        pictures: (1, C, H, W) of the options' shape, normalised, to compare a detector on, beside
            noise, a blank one and one with padding.
        calibration: pictures likewise, of which int8 learns how large numbers are.
        measure: the accuracy of a file, for the report.

    Raises:
        UserError: the options cannot be met, the weights are not finite, the file cannot be
            written, or its results differ from the eager model's by more than
            :mod:`~heracles_mm.export.compare` allows. Of float16 and int8 the numbers must be
            finite; how much they cost is what ``measure`` says.
    """
    options.check()
    kind, model = FORMATS[options.format], target.module.eval()
    if path.suffix != kind.suffix:
        raise UserError(f'{path} must end in {kind.suffix}, as files of {options.format} do')
    if target.detects and (options.batch != 1 or options.dynamic_batch or options.any_size):
        raise UserError(
            'a detector is exported for one picture of one size at a time: leave out --batch, '
            '--dynamic-batch and --any-size'
        )
    _check_weights(model)

    def noise(batch: int, shape: Shape = options.shape) -> Tensor:
        return torch.randn(batch, target.channels, *shape)

    with replacing(path) as part, torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        on_step('tracing')
        with quiet():  # one picture would be taken for a constant size of the batch
            x = noise(max(2, options.batch) if options.dynamic_batch else options.batch)
            traced = _trace(model, target.inputs(x), options)
        on_step(f'writing {options.format}')
        with quiet():
            kind.write(traced, part, target, options)
            run = kind.read(part)
        on_step('comparing with the eager model')
        if target.detects:
            samples = detection_samples([noise(1), *pictures])
        else:
            others = {1, options.batch + 1} - {options.batch} if options.dynamic_batch else set()
            samples = [(noise(batch),) for batch in (*others, options.batch)]
            if options.any_size:
                samples[:0] = [(noise(options.batch, size),) for size in other_sizes(options.shape)]
        comparison, shapes = compared(target, run, samples)
        if fault := comparison.fault():
            raise UserError(f'the {options.format} file was not kept: {fault}')
        accuracy = {'float32': measure(part)} if measure else {}
        if options.precision != 'float32':
            on_step(f'converting to {options.precision}')
            feeds = (dict(zip(target.input_names, numpy(target.inputs(x)))) for x in calibration)
            reduce(part, options.precision, feeds)
            run = kind.read(part)
            for inputs in samples:
                if not all(output.isfinite().all() for output in run(*inputs)):
                    raise UserError(
                        f'the {options.precision} file was not kept: its results hold NaN or '
                        'infinity'
                    )
            accuracy |= {options.precision: measure(part)} if measure else {}
        times: dict[str, list[float]] = {}
        if rounds:
            on_step(f'timing {rounds} rounds')
            with torch.inference_mode():
                calls = {'runtime': run, 'eager': target.own}
                times = _times(calls, samples[-1], rounds)
        return Report(
            format=options.format,
            opset=options.opset if options.format == 'onnx' else None,
            channels=target.channels,
            shape=options.shape,
            any_size=options.any_size,
            batch=options.batch,
            dynamic_batch=options.dynamic_batch,
            precision=options.precision,
            bytes=part.stat().st_size,
            differences=comparison.differences,
            largest=comparison.largest,
            detections=comparison.detections,
            outputs=dict(zip(target.outputs, shapes, strict=True)),
            latency=median(map(truediv, *times.values())) if times else None,
            milliseconds={name: median(s) * 1e3 for name, s in times.items()} or None,
            threads=torch.get_num_threads(),
            accuracy=accuracy,
        )


def other_sizes(shape: Shape) -> list[Shape]:
    """Sizes on which a file of any size is compared, beside the one that it was traced at: smaller
    and larger, upright and wide, odd."""
    height, width = shape
    factors = (0.6, 1.3), (1.25, 0.7), (0.5, 0.5)
    sizes = [(int(height * h) | 1, int(width * w) | 1) for h, w in factors]
    return [(max(h, LEAST_SIDE), max(w, LEAST_SIDE)) for h, w in sizes]


def numpy(tensors: Inputs) -> list[np.ndarray]:
    return [tensor.numpy() for tensor in tensors]


def _check_weights(model: nn.Module) -> None:
    for name, tensor in model.state_dict().items():
        if not tensor.isfinite().all():
            raise UserError(
                f'the weights hold NaN or infinity ({name}), so there is nothing to export: take '
                'the checkpoint of an earlier step'
            )


def detection_samples(pictures: Sequence[Tensor]) -> list[Inputs]:
    """Inputs of a detector: a picture above padding, an empty one, and pictures (1, C, H, W)."""
    height, width = pictures[0].shape[2:]
    part = height - height // 4
    upper = pictures[-1].clone()
    upper[:, :, part:] = 0
    sizes = [(part, width)] + [(height, width)] * (1 + len(pictures))
    samples = zip([upper, torch.zeros_like(upper), *pictures], sizes, strict=True)
    return [(x, torch.tensor(size).float()) for x, size in samples]


def compared(
    target: Target, run: Runner, samples: Sequence[Inputs]
) -> tuple[Comparison, list[list[int]]]:
    """How a file's results compare with the eager model's, and the shapes of the last ones."""
    comparison, shapes = Comparison(target.compared), []
    detections: Any = target.module
    for image, *size in samples:
        own, found = target.own(image, *size), run(image, *size)
        shapes = [list(tensor.shape) for tensor in found]
        if target.detects:
            height, width = map(int, size[0])
            read = detections.read(found, image.shape[2:], (height, width))
            comparison.add_detections(own, read, *detections.cuts())
        else:
            comparison.add(own, found)
    for image, *size in samples if comparison.fault() else ():  # which a rounding may explain
        own = target.own(image, *size)
        nudges = (NUDGE * torch.randn_like(image) for _ in range(NUDGES if target.detects else 1))
        nudged = (target.own(image + nudge, *size) for nudge in nudges)
        if target.detects:
            comparison.excuse_detections(own, nudged, *detections.cuts())
        else:
            comparison.excuse(own, next(nudged))
    return comparison, shapes


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


def _trace(
    model: nn.Module, inputs: Inputs, options: ExportOptions
) -> torch.export.ExportedProgram:
    frozen = freeze(model, *inputs, any_size=options.any_size)
    settings: dict[str, Any] = {'dynamic_shapes': options.dynamic_shapes, 'strict': False}
    if options.any_size:
        # Of what torch asks about the sides of maps it cannot prove all, though it is always so.
        settings['prefer_deferred_runtime_asserts_over_guards'] = True
    program = torch.export.export(frozen, inputs, **settings)
    graphs = [m.graph for m in program.graph_module.modules() if isinstance(m, GraphModule)]
    for node in (node for graph in graphs for node in graph.nodes):
        node.meta.pop('stack_trace', None)  # which names the folders of whoever exports
    return program


def _times(calls: Mapping[str, Runner], inputs: Inputs, rounds: int) -> dict[str, list[float]]:
    """Seconds of each, in rounds in which they take turns, first and last by turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for index in range(rounds + 1):
        for name in sorted(calls, reverse=index % 2 > 0):
            start = time.perf_counter()
            calls[name](*inputs)
            times[name].append(time.perf_counter() - start)
    return {name: values[1:] for name, values in times.items()}  # the first round warms up
