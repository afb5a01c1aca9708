"""How a traced model is written to a file, and how that file is run again."""

import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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

Runner = Callable[[Tensor], Sequence[Tensor]]


class Program(NamedTuple):
    """What is written.

    Args:
        traced: by torch.export, with one input.
        dynamic: what was said to torch.export of sizes that may vary, None for none.
        outputs: names of its outputs.
        opset: of ONNX.
        notes: for the file's metadata (ONNX).
    """

    traced: ExportedProgram
    dynamic: tuple | None
    outputs: Sequence[str]
    opset: int
    notes: dict[str, str]


class Format(NamedTuple):
    """A kind of file.

    Args:
        suffix: of its name.
        needs: modules beside torch.
        write: a program to a file.
        read: a file as a function of pictures (B, 3, H, W), on the CPU, with as many threads as
            torch uses.
    """

    suffix: str
    needs: tuple[str, ...]
    write: Callable[[Program, Path], None]
    read: Callable[[Path], Runner]


def check_installed(name: str) -> None:
    """Raise an UserError that says how to install what the format ``name`` needs."""
    missing = [module for module in FORMATS[name].needs if not _is_installed(module)]
    if missing:
        raise UserError(
            f'the format {name} needs {" and ".join(missing)}, not installed here: '
            "pip install 'heracles-mm[export]'"
        )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:  # sys.modules has it as None
        return False


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


def _write_onnx(program: Program, path: Path) -> None:
    model = torch.onnx.export(
        program.traced,
        dynamo=True,
        opset_version=program.opset,
        dynamic_shapes=program.dynamic,  # for the name in the file
        input_names=[INPUT],
        output_names=list(program.outputs),
        verbose=False,
    )
    assert model is not None
    model.model.metadata_props.update(program.notes)
    model.save(path, external_data=False)


def _read_onnx(path: Path) -> Runner:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])

    def run(x: Tensor) -> list[Tensor]:
        return [torch.from_numpy(y) for y in session.run(None, {INPUT: x.numpy()})]

    return run


def _write_torch_export(program: Program, path: Path) -> None:
    torch.export.save(program.traced, path)


def _read_torch_export(path: Path) -> Runner:
    return torch.export.load(path).module()


def _write_aot_inductor(program: Program, path: Path) -> None:
    torch._inductor.aoti_compile_and_package(program.traced, package_path=str(path))


def _read_aot_inductor(path: Path) -> Runner:
    return torch._inductor.aoti_load_package(str(path))


FORMATS = {
    'onnx': Format('.onnx', ('onnx', 'onnxscript', 'onnxruntime'), _write_onnx, _read_onnx),
    'torch_export': Format('.pt2', (), _write_torch_export, _read_torch_export),
    'aot_inductor': Format('.pt2', (), _write_aot_inductor, _read_aot_inductor),
}
