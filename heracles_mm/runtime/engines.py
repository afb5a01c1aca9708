"""What runs a file: onnxruntime, or OpenVINO where it is installed and asked for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from heracles_mm.errors import ModelFileError, UserError
from heracles_mm.runtime.description import KEY

Run = Callable[[Mapping[str, np.ndarray]], list[np.ndarray]]


class Graph(NamedTuple):
    """A loaded file.

    Args:
        run: from inputs by name to the outputs in their order.
        inputs: shape of each input by name, None for a side of any length.
        outputs: names.
        metadata: of the file.
    """

    run: Run
    inputs: Mapping[str, Sequence[int | None]]
    outputs: tuple[str, ...]
    metadata: Mapping[str, str]


def open_onnxruntime(path: str, threads: int | None) -> Graph:
    """Load a file for CPUs.

    Raises:
        ModelFileError: onnxruntime cannot load it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors alone
    options.intra_op_num_threads = threads or 0
    try:
        session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    except Exception as error:  # of many kinds, each of its own class without a common base
        raise ModelFileError(
            f'{path} is damaged or no ONNX file that this onnxruntime can run: {_first(error)}'
        ) from error
    names = tuple(each.name for each in session.get_outputs())

    def run(inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        return session.run(names, dict(inputs))

    return Graph(
        run,
        {each.name: [_side(side) for side in each.shape] for each in session.get_inputs()},
        names,
        session.get_modelmeta().custom_metadata_map,
    )


def open_openvino(path: str, threads: int | None) -> Graph:
    """Load a file for CPUs, in float32 where the file is.

    Raises:
        UserError: OpenVINO is not installed.
        ModelFileError: it cannot load the file, or the file is of any size.
    """
    try:
        import openvino
    except ModuleNotFoundError as error:
        raise UserError(
            "the engine openvino is not installed here: pip install 'heracles-mm[openvino]'"
        ) from error
    settings: dict[str, Any] = {'INFERENCE_PRECISION_HINT': 'f32'}  # else bfloat16 where it is fast
    if threads:
        settings['INFERENCE_NUM_THREADS'] = threads
    try:
        core = openvino.Core()
        model = core.read_model(path)
        _check_sides(model, path)
        compiled = core.compile_model(model, 'CPU', settings)
    except RuntimeError as error:
        raise ModelFileError(
            f'{path} is damaged or no ONNX file that this OpenVINO can run: {_first(error)}'
        ) from error

    place = ['framework', KEY]  # where it keeps an ONNX file's metadata

    def run(inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        found = compiled(dict(inputs))
        return [np.array(found[port]) for port in compiled.outputs]

    return Graph(
        run,
        {
            port.any_name: [
                side.get_length() if side.is_static else None for side in port.partial_shape
            ]
            for port in compiled.inputs
        },
        tuple(port.any_name for port in compiled.outputs),
        {KEY: model.get_rt_info(place).value} if model.has_rt_info(place) else {},
    )


def _check_sides(model: Any, path: str) -> None:
    """Its CPU plugin cannot run what a file of any size computes from the size."""
    if any(side.is_dynamic for port in model.inputs for side in list(port.partial_shape)[2:]):
        raise ModelFileError(
            f'{path} takes pictures of any size, and OpenVINO runs files of one size: export it '
            'without --any-size, or take the engine onnxruntime'
        )


ENGINES = {'onnxruntime': open_onnxruntime, 'openvino': open_openvino}


def _side(side: int | str | None) -> int | None:
    return side if isinstance(side, int) else None


def _first(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]
