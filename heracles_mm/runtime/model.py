"""An exported model: pictures in, results out."""

from os import PathLike
from pathlib import Path
from typing import Any, overload

import numpy as np

from heracles_mm.errors import DataError, ModelFileError, UsageError
from heracles_mm.runtime.decoding import Source, read_picture
from heracles_mm.runtime.description import Description
from heracles_mm.runtime.engines import ENGINES, Graph
from heracles_mm.runtime.geometry import Geometry, geometry, model_input
from heracles_mm.runtime.outcomes import ClassScores, Detections, LabelMap, Result
from heracles_mm.runtime.resampling import enlarged_rows

BAND_BYTES = 32 * 2**20
"""Of label scores that are enlarged to a picture at a time, so that its size costs no memory."""


OUTPUTS = {
    'detection': ({'boxes', 'scores', 'labels'}, {'mask_logits', 'class_scores', 'labels'}),
    'segmentation': ({'logits'},),
    'classification': ({'logits'},),
}
"""What a file of each task gives, one of these."""


class Model:
    """A model from a file of ``tools/export_onnx.py``.

    Args:
        path: of the file.
        engine: ``'onnxruntime'``, or ``'openvino'`` where it is installed.
        threads: of the processor; None for all.

    Attributes:
        description: what the file says of itself (:class:`Description`).

    Raises:
        ModelFileError: the file is missing, damaged, not ours or holds a backbone alone.
        UsageError: there is no such engine.
    """

    def __init__(
        self, path: str | PathLike[str], engine: str = 'onnxruntime', threads: int | None = None
    ) -> None:
        if engine not in ENGINES:
            raise UsageError(f'unknown engine {engine!r}: choose one of {", ".join(ENGINES)}')
        if not Path(path).is_file():
            raise ModelFileError(f'the model {path} does not exist or is no file')
        graph = ENGINES[engine](str(path), threads)
        self._start(graph, Description.from_metadata(graph.metadata, str(path)), str(path))

    @classmethod
    def of(cls, graph: Graph, description: Description) -> 'Model':
        """A model of what runs in another way than from a file."""
        model = cls.__new__(cls)
        model._start(graph, description, 'the graph')
        return model

    def _start(self, graph: Graph, description: Description, path: str) -> None:
        self._graph, self.description = graph, description
        if self.description.task == 'features':
            raise ModelFileError(
                f'{path} holds a backbone alone, whose maps are for other programs: export the '
                'whole model'
            )
        if not any(set(graph.outputs) >= names for names in OUTPUTS[description.task]):
            raise ModelFileError(
                f'{path} gives {", ".join(graph.outputs)}, and its description says that it is of '
                f'the task {description.task}: export it again'
            )
        batch, *_, height, width = self._graph.inputs.get('image', (None, None, None))
        size = (height, width) if height and width else None
        if batch not in (1, None) or size != self.description.size:
            raise ModelFileError(
                f'{path} takes {batch} pictures of {size} at a time, and its description says one '
                f'of {self.description.size}: export it again, with --batch 1'
            )

    @overload
    def __call__(self, source: Source) -> Result: ...

    @overload
    def __call__(self, source: list[Source]) -> list[Result]: ...

    def __call__(self, source: Source | list[Source]) -> Result | list[Result]:
        """What is found in a picture, or in each of a list.

        Args:
            source: path, bytes, array (H, W, 3) uint8 RGB or Pillow picture, or a list of these.

        Raises:
            DataError: a picture cannot be read, or the model finds numbers in it that are none.
        """
        if isinstance(source, list):
            return [self(each) for each in source]
        picture = read_picture(source)
        where = geometry((picture.shape[0], picture.shape[1]), self.description)
        outputs = self.outputs(model_input(picture, where, self.description), where)
        return self._result(outputs, where)

    def outputs(self, image: np.ndarray, where: Geometry) -> dict[str, np.ndarray]:
        """The file's outputs by name for an input (1, 3, H, W) float32.

        Raises:
            DataError: one holds NaN.
        """
        inputs = {'image': image}
        if 'size' in self._graph.inputs:
            inputs['size'] = np.array(where.used, np.float32)
        found = dict(zip(self._graph.outputs, self._graph.run(inputs), strict=True))
        if bad := [name for name, values in found.items() if np.isnan(values).any()]:
            raise DataError(
                f'the model finds NaN in this picture ({", ".join(bad)}): its weights are damaged, '
                'or its precision is too low'
            )
        return found

    def _result(self, outputs: dict[str, np.ndarray], where: Geometry) -> Result:
        about = self.description
        if 'mask_logits' in outputs:
            return Detections.of_masks(outputs, about.classes, where)
        if about.task == 'detection':
            vertical, horizontal = where.scale
            scale = np.array([horizontal, vertical] * 2, np.float32)
            return Detections(
                boxes=outputs['boxes'] / scale,
                scores=outputs['scores'],
                labels=outputs['labels'],
                classes=about.classes,
                size=where.picture,
                shares=outputs.get('masks'),
                mask_threshold=about.mask_threshold,
            )
        logits = outputs['logits'][0]
        if about.task == 'segmentation':
            height, width = where.used
            labels = _label_map(logits[:, :height, :width], where, about)
            return LabelMap(labels, about.classes)
        powers = np.exp(logits - logits.max())
        return ClassScores(powers / powers.sum(), about.classes, where.picture)


def _label_map(logits: np.ndarray, where: Geometry, about: Description) -> np.ndarray:
    """Logits (K, h, w) of the part that is not padding to labels (H, W) of the picture."""
    count, (height, width) = len(logits), where.picture
    labels = np.empty(where.picture, np.uint8 if count <= 256 else np.uint16)
    step = max(1, BAND_BYTES // (4 * count * width))
    for start in range(0, height, step):
        rows = slice(start, min(start + step, height))
        band: Any = enlarged_rows(logits, where.picture, rows, about.align_corners)
        if count == 1:  # the share of the one class
            labels[rows] = 1 / (1 + np.exp(-band[0])) > about.mask_threshold
        else:
            labels[rows] = band.argmax(0)
    return labels
