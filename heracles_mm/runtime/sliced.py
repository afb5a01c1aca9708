"""Detections in pictures much larger than those that a model was trained on, by sahi: slice by
slice, with a margin, and what two slices see of one object is joined.

https://github.com/obss/sahi (Akyon et al. 2022); ``pip install 'heracles-mm[slices]'``.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from heracles_mm.errors import UsageError, UserError
from heracles_mm.runtime.decoding import Source, read_picture
from heracles_mm.runtime.model import Model
from heracles_mm.runtime.outcomes import Detections

MARGIN = 0.2
"""Of a slice that its neighbour shows too."""


@dataclass(frozen=True)
class SlicedDetections(Detections):
    """Objects whose masks are polygons, since several slices may have seen each.

    Args:
        polygons: for each object the outlines of its parts, (n, 2) in px, x and y.
    """

    polygons: tuple[tuple[np.ndarray, ...], ...] = ()

    @property
    def has_masks(self) -> bool:
        return any(self.polygons)

    def at(self, rows: Any) -> 'SlicedDetections':
        found = super().at(rows)
        assert isinstance(found, SlicedDetections)
        polygons = tuple(self.polygons[row] for row in np.arange(len(self))[rows])
        return replace(found, polygons=polygons)

    def mask_in_box(self, index: int) -> tuple[tuple[slice, slice], np.ndarray]:
        x1, y1, x2, y2 = self.boxes[index]
        left, top = max(int(x1), 0), max(int(y1), 0)
        right, bottom = (
            min(int(np.ceil(x2)) + 1, self.size[1]),
            min(int(np.ceil(y2)) + 1, self.size[0]),
        )
        image = Image.new('1', (right - left, bottom - top))
        for outline in self.polygons[index]:
            corners = (outline - (left, top)).ravel().tolist()
            ImageDraw.Draw(image).polygon(corners, fill=1, outline=1)
        return (slice(top, bottom), slice(left, right)), np.asarray(image)


def detect_in_slices(
    model: Model,
    source: Source,
    side: int,
    margin: float = MARGIN,
    least_score: float = 0.3,
    on_slice: Callable[[int, int], None] = lambda done, count: None,
) -> SlicedDetections:
    """What a detector finds in a picture, slice by slice and once more in the whole of it.

    Args:
        model: of the task detection.
        source: the picture.
        side: of a slice in px; one that is about the size of the model's input keeps objects at
            the size that it has learnt.
        margin: share of a slice that its neighbours show too: of the size of the objects, that
            each is seen whole by one of them.
        least_score: of a detection, before those of the slices are joined.
        on_slice: told how many slices of how many are done.

    Raises:
        UsageError: the model does not detect, or a number is out of range.
        UserError: sahi is not installed.
        DataError: the picture cannot be read.
    """
    if model.description.task != 'detection':
        raise UsageError(
            f'slices are for detectors, and this model is for {model.description.task}'
        )
    if side < 1 or not 0 <= margin < 1:
        raise UsageError(
            f'a slice has a side of 1 px or more and a margin from 0 to 1, got {side}, {margin}'
        )
    try:
        from sahi.predict import get_sliced_prediction
    except ModuleNotFoundError as error:
        raise UserError(
            f"slices need {error.name}, not installed here: pip install 'heracles-mm[slices]'"
        ) from error
    picture = read_picture(source)
    found = get_sliced_prediction(
        picture,
        _adapter(model, least_score),
        slice_height=side,
        slice_width=side,
        overlap_height_ratio=margin,
        overlap_width_ratio=margin,
        progress_callback=on_slice,
        verbose=0,
    ).object_prediction_list
    found.sort(key=lambda each: -each.score.value)
    return SlicedDetections(
        boxes=np.array([each.bbox.to_xyxy() for each in found], np.float32).reshape(-1, 4),
        scores=np.array([each.score.value for each in found], np.float32),
        labels=np.array([each.category.id for each in found], np.int64),
        classes=model.description.classes,
        size=(picture.shape[0], picture.shape[1]),
        polygons=tuple(_outlines(each) for each in found),
    )


def _outlines(found: Any) -> tuple[np.ndarray, ...]:
    parts = found.mask.segmentation if found.mask else ()
    return tuple(np.array(part, np.float32).reshape(-1, 2) for part in parts)


def _adapter(model: Model, least_score: float) -> Any:
    """The model as sahi knows models."""
    from sahi.models.base import DetectionModel
    from sahi.prediction import ObjectPrediction
    from sahi.utils.cv import get_coco_segmentation_from_bool_mask

    class ExportedModel(DetectionModel):
        def set_model(self, model: Model, **_: Any) -> None:
            self.model = model
            names = enumerate(model.description.classes)
            self.category_mapping = {str(label): name for label, name in names}

        def perform_inference(self, image: np.ndarray) -> None:
            found = self.model(image)
            assert isinstance(found, Detections)
            self._original_predictions = found.above(self.confidence_threshold)

        def _create_object_prediction_list_from_original_predictions(
            self, shift_amount_list: Any = None, full_shape_list: Any = None
        ) -> None:
            found: Detections = self._original_predictions
            shift = _first(shift_amount_list, [0, 0])
            predictions = []
            for index in range(len(found)):
                outlines = None
                if found.has_masks:
                    (rows, columns), inside = found.mask_in_box(index)
                    outlines = get_coco_segmentation_from_bool_mask(inside)
                    corner = np.array([columns.start, rows.start])
                    outlines = [
                        (np.reshape(part, (-1, 2)) + corner).ravel().tolist() for part in outlines
                    ]
                    if not outlines:  # no pixel of it reaches the threshold
                        continue
                x1, y1, x2, y2 = found.boxes[index].tolist()
                if x2 <= x1 or y2 <= y1:  # nothing to join
                    continue
                predictions.append(
                    ObjectPrediction(
                        bbox=[x1, y1, x2, y2],
                        category_id=int(found.labels[index]),
                        category_name=found.classes[found.labels[index]],
                        score=float(found.scores[index]),
                        segmentation=outlines,
                        shift_amount=shift,
                        full_shape=_first(full_shape_list, list(found.size)),
                    )
                )
            self._object_prediction_list_per_image = [predictions]

    return ExportedModel(model=model, device='cpu', confidence_threshold=least_score)


def _first(values: Any, default: list[int]) -> Any:
    """Of sahi's lists for one picture, which may be a list of lists."""
    if not values:
        return default
    return values[0] if isinstance(values[0], list | tuple) else values
