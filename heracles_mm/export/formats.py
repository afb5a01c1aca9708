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

OPSETS = range(18, 24)
"""Of ONNX: below 18 torch's exporter has no operators, above 23 nothing was tried."""

OPSET = 20
"""The first with an operator for GELU."""

INPUT = 'image'

Shape = tuple[int, ...]
Runner = Callable[[Tensor], Sequence[Tensor]]


@dataclass(frozen=True)
class ExportOptions:
    """What is to be written.

    Args:
        shape: height and width of the pictures, px; the file takes no other. Windows have none.
        batch: pictures at a time; with ``dynamic_batch`` one number to trace with, and any will do.
        format: a name of :data:`FORMATS`.
        opset: of ONNX.
        input: name of the input.
        notes: for the file's metadata (ONNX).
    """

    shape: Shape
    batch: int = 1
    dynamic_batch: bool = False
    format: str = 'onnx'
    opset: int = OPSET
    input: str = INPUT
    notes: Mapping[str, str] | None = None

    @property
    def dynamic_shapes(self) -> tuple | None:
        """Of the one input, for torch.export."""
        return ({0: torch.export.Dim('batch')},) if self.dynamic_batch else None

    def check(self) -> None:
        """Raise a UserError for what cannot be had, or not here."""
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
    """A kind of file: how a traced program, whose outputs have names, is written to it, how it is
    read as a function of pictures (B, C, H, W), on the CPU with as many threads as torch uses, and
    the modules beside torch that it needs."""

    suffix: str
    write: Callable[[ExportedProgram, Path, Sequence[str], ExportOptions], object]
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
    traced: ExportedProgram, path: Path, outputs: Sequence[str], options: ExportOptions
) -> None:
    model = torch.onnx.export(
        traced,
        dynamo=True,
        opset_version=options.opset,
        dynamic_shapes=options.dynamic_shapes,  # for the name in the file
        input_names=[options.input],
        output_names=list(outputs),
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
    name = session.get_inputs()[0].name
    return lambda x: [torch.from_numpy(y) for y in session.run(None, {name: x.numpy()})]


FORMATS = {
    'onnx': Format('.onnx', _write_onnx, _read_onnx, ('onnx', 'onnxscript', 'onnxruntime')),
    'torch_export': Format(
        '.pt2',
        lambda traced, path, *_: torch.export.save(traced, path),
        lambda path: torch.export.load(path).module(),
    ),
    'aot_inductor': Format(
        '.pt2',
        lambda traced, path, *_: torch._inductor.aoti_compile_and_package(
            traced, package_path=str(path)
        ),
        lambda path: torch._inductor.aoti_load_package(str(path)),
    ),
}
