"""How a traced model is written to a file, and how that file is run again."""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.export import ExportedProgram

from heracles_mm.errors import UserError
from heracles_mm.export.wrappers import Target
from heracles_mm.runtime.geometry import LEAST_SIDE

OPSETS = range(18, 24)
"""Of ONNX: below 18 torch's exporter has no operators, above 23 nothing was tried."""

OPSET = 20
"""The first with an operator for GELU."""

Shape = tuple[int, ...]
Runner = Callable[..., Sequence[Tensor]]


@dataclass(frozen=True)
class ExportOptions:
    """What is to be written.

    Args:
        shape: height and width of the pictures, px; the file takes no other, unless it is of
            ``any_size`` from :data:`~heracles_mm.runtime.geometry.LEAST_SIDE` on. Windows have
            none.
        batch: pictures at a time; with ``dynamic_batch`` one number to trace with, and any will do.
        format: a name of :data:`FORMATS`.
        opset: of ONNX.
        any_size: see above.
        precision: of :data:`~heracles_mm.export.reduced_precision.PRECISIONS`, other than float32
            in ONNX alone.
        notes: for the file's metadata (ONNX).
    """

    shape: Shape
    batch: int = 1
    dynamic_batch: bool = False
    format: str = 'onnx'
    opset: int = OPSET
    any_size: bool = False
    precision: str = 'float32'
    notes: Mapping[str, str] | None = None

    @property
    def dynamic_shapes(self) -> tuple | None:
        """Of the one input, for torch.export."""
        sides = {0: torch.export.Dim('batch')} if self.dynamic_batch else {}
        if self.any_size:
            names = {2: 'height', 3: 'width'}
            sides |= {at: torch.export.Dim(name, min=LEAST_SIDE) for at, name in names.items()}
        return (sides,) if sides else None

    def check(self) -> None:
        """Raise a UserError for what cannot be had, or not here."""
        if self.any_size and min(self.shape) < LEAST_SIDE:
            raise UserError(
                f'a file of any size begins at {LEAST_SIDE} px, and is traced at no less: give '
                f'--shape of that or more, not {self.shape[0]} {self.shape[1]}'
            )
        if self.precision != 'float32' and self.format != 'onnx':
            raise UserError(
                f'{self.precision} can be had in the format onnx alone, not in {self.format}'
            )
        if self.opset not in OPSETS:
            raise UserError(
                f'opset {self.opset} cannot be written: choose one from {OPSETS[0]} to {OPSETS[-1]}'
            )
        try:
            for module in FORMATS[self.format].needs:
                import_module(module)
        except ModuleNotFoundError as error:
            raise UserError(
                f'the format {self.format} needs {module}, not installed here: '
                "pip install 'heracles-mm[export]'"
            ) from error


class Format(NamedTuple):
    """A kind of file: how a traced program of a target is written to it, how it is read as a
    function of the target's inputs, on the CPU with as many threads as torch uses, and the modules
    beside torch that it needs."""

    suffix: str
    write: Callable[[ExportedProgram, Path, Target, ExportOptions], object]
    read: Callable[[Path], Runner]
    needs: tuple[str, ...] = ()


@contextmanager
def quiet() -> Iterator[None]:
    """Without the exporters' warnings, which are about their own insides."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(disabled)


def _write_onnx(
    traced: ExportedProgram, path: Path, target: Target, options: ExportOptions
) -> None:
    model = torch.onnx.export(
        traced,
        dynamo=True,
        opset_version=options.opset,
        dynamic_shapes=options.dynamic_shapes,  # for the name in the file
        input_names=list(target.input_names),
        output_names=list(target.outputs),
        verbose=False,
    )
    assert model is not None
    model.model.metadata_props.update(options.notes or {})
    model.save(path, external_data=False)


def _read_onnx(path: Path) -> Runner:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    names = [each.name for each in session.get_inputs()]

    def run(*inputs: Tensor) -> list[Tensor]:
        arrays = session.run(None, {name: x.numpy() for name, x in zip(names, inputs, strict=True)})
        return [torch.from_numpy(array) for array in arrays]

    return run


def _as_list(module: Callable[..., Tensor | Sequence[Tensor]]) -> Runner:
    """A single output as a list of one."""

    def run(*inputs: Tensor) -> Sequence[Tensor]:
        found = module(*inputs)
        return [found] if isinstance(found, Tensor) else found

    return run


FORMATS = {
    'onnx': Format('.onnx', _write_onnx, _read_onnx, ('onnx', 'onnxscript', 'onnxruntime')),
    'torch_export': Format(
        '.pt2',
        lambda traced, path, *_: torch.export.save(traced, path),
        lambda path: _as_list(torch.export.load(path).module()),
    ),
    'aot_inductor': Format(
        '.pt2',
        lambda traced, path, *_: torch._inductor.aoti_compile_and_package(
            traced, package_path=str(path)
        ),
        lambda path: _as_list(torch._inductor.aoti_load_package(str(path))),
    ),
}
