"""Smaller numbers in an ONNX file: float16 and int8, by onnxruntime's own converters.

Convolutions and linear layers get them. What stays in float32 is what sums over a whole map (the
spectral layers: float16 ends at 65504, and a map's first frequency is its sum), what is a place in
a picture (float16 counts whole pixels from 1024 on), and all between the layers of a detector.
"""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from heracles_mm.errors import UserError
from heracles_mm.export.formats import quiet

PRECISIONS = ('float32', 'float16', 'int8')
CLASSES = 'pkg.torch.onnx.class_hierarchy'
"""Of the metadata in which torch notes the modules that a node is from, the outermost first."""

PLACES = ('DeformableDetrTransformerEncoder', 'DinoTransformerDecoder', 'DINOHead')
"""Classes of mmdet whose own arithmetic, beside that of the layers in them, is about places."""

QUANTISED = ('Conv', 'MatMul', 'Gemm')

Feed = dict[str, np.ndarray]


def in_float32(node: Any) -> bool:
    """Whether a node of a file keeps its float32."""
    notes = {entry.key: entry.value for entry in node.metadata_props}
    modules: list[str] = ast.literal_eval(notes.get(CLASSES, '[]'))[:-1]  # the last is no module
    if any(name.endswith(('.FixedSASS', '.AnySASS')) for name in modules):
        return True
    return bool(modules) and (
        modules[-1].startswith('heracles_mm.export.') or modules[-1].endswith(PLACES)
    )


def reduce(path: Path, precision: str, calibration: Iterable[Feed] = ()) -> None:
    """Write an ONNX file again in another precision; inputs and outputs stay float32.

    Args:
        path: of the float32 file, which is replaced.
        precision: ``'float16'`` or ``'int8'``.
        calibration: inputs by name, of real pictures, for int8: they say how large numbers are.

    Raises:
        UserError: there is no input to calibrate on.
    """
    import onnx
    import onnx_ir

    model = onnx.load(path)
    notes = {entry.key: entry.value for entry in model.metadata_props}
    kept = [node.name for node in model.graph.node if in_float32(node)]
    with quiet():
        if precision == 'float16':
            from onnxruntime.transformers.float16 import convert_float_to_float16

            model = convert_float_to_float16(model, keep_io_types=True, node_block_list=kept)
        else:
            model = _quantised(path, kept, calibration)
    written = onnx_ir.from_proto(model)
    written.graph.sort()  # the converters append what they insert
    written.metadata_props.update(notes)
    onnx_ir.save(written, path)


def _quantised(path: Path, kept: list[str], calibration: Iterable[Feed]) -> Any:
    """As onnxruntime's ``quantize_static``, which keeps all maps of a picture until its end."""
    from onnxruntime import ExecutionOrder, GraphOptimizationLevel, InferenceSession, SessionOptions
    from onnxruntime.quantization import CalibrationDataReader, QDQQuantizer, QuantType
    from onnxruntime.quantization.calibrate import create_calibrator
    from onnxruntime.quantization.quant_utils import load_model_with_shape_infer

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.feeds: Iterator[Feed] = iter(calibration)
            self.count = 0

        def get_next(self) -> Feed | None:
            feed = next(self.feeds, None)
            self.count += feed is not None
            return feed

    reader = Reader()
    options = SessionOptions()
    options.graph_optimization_level = GraphOptimizationLevel.ORT_DISABLE_ALL
    options.execution_order = ExecutionOrder.PRIORITY_BASED  # a tensor is measured where it is made
    with TemporaryDirectory() as folder:
        calibrator = create_calibrator(path, QUANTISED, str(Path(folder) / 'measuring.onnx'))
        calibrator.infer_session = InferenceSession(
            calibrator.augmented_model_path, options, providers=['CPUExecutionProvider']
        )
        try:
            calibrator.collect_data(reader)
        except ValueError:
            if not reader.count:
                raise UserError(
                    'int8 needs pictures to calibrate on: name a folder of them, '
                    '--calibration FOLDER'
                ) from None
            raise
    quantizer = QDQQuantizer(
        load_model_with_shape_infer(path),
        per_channel=True,
        reduce_range=True,  # 7 bits, or older processors' sums of products overflow
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=calibrator.compute_data(),
        nodes_to_quantize=[],
        nodes_to_exclude=kept,
        op_types_to_quantize=QUANTISED,
        extra_options={'MatMulConstBOnly': True},  # weights, not attention's products
    )
    return quantizer.quantize_model()
