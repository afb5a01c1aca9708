"""Which places of a picture speak for a class: Grad-CAM and its kin, by the package grad-cam."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from heracles_mm.errors import UserError
from heracles_mm.visualization.activations import check_stage
from heracles_mm.visualization.figures import unit_range

METHODS = {
    'gradcam': 'GradCAM',
    'gradcam++': 'GradCAMPlusPlus',
    'hirescam': 'HiResCAM',
    'xgradcam': 'XGradCAM',
    'layercam': 'LayerCAM',
    'eigencam': 'EigenCAM',
    'eigengradcam': 'EigenGradCAM',
    'scorecam': 'ScoreCAM',
}
"""Names on the command line -> the package's classes."""

SAME_OBJECT = 0.5
"""The least IoU of two boxes of one object, as in an AP50."""

Output = Any
"""Of one picture: logits (K,) of classes, logits (K, h, w) of a segmentor, detections."""


@dataclass(frozen=True)
class Subject:
    """What a map explains.

    Attributes:
        label: the class.
        score: the model's for it: a probability, or a segmentor's share of the pixels.
        target: from an ``Output`` to the number whose gradient is taken.
        box: of a detection, x1, y1, x2, y2 in px.
    """

    label: int
    score: float
    target: Callable[[Output], Tensor]
    box: tuple[float, ...] | None = None


def class_activation(
    scope: str,
    model: BaseModel,
    picture: Tensor,
    stages: Sequence[int],
    method: str | None = None,
    label: int | None = None,
) -> tuple[Subject, dict[int, np.ndarray]]:
    """Explain the class that a model finds in a picture, stage by stage.

    Args:
        scope: the library of the model: mmpretrain, mmseg or mmdet.
        model: with a ``backbone`` of this package. All of its parameters get gradients.
        picture: (1, 3, H, W), normalised.
        stages: counted from 1, whose maps are looked at.
        method: one of ``METHODS``; by default Grad-CAM, and of a detector LayerCAM, which weighs
            each place by its own gradient: a mean over the whole picture, as Grad-CAM's, points at
            every object alike.
        label: the class, instead of a classifier's first, the one with most pixels, or that of the
            strongest detection.

    Returns:
        What is explained, and stage -> map (H, W), 0 to 1 at its strongest place.

    Raises:
        UserError: grad-cam is missing, the stage does not exist, or the model finds nothing of the
            class or is of another kind.
    """
    try:
        import pytorch_grad_cam
    except ModuleNotFoundError:
        raise UserError(
            "class activation maps need the package grad-cam: pip install 'heracles-mm[cam]'"
        ) from None
    if scope not in PREDICTORS:
        raise UserError(f'class activation maps are for {", ".join(PREDICTORS)}, not for {scope}')
    backbone: Any = model.backbone
    for stage in stages:
        check_stage(backbone, stage)
    predict, choose, usual = PREDICTORS[scope]
    predictor = _Predictor(model.eval().requires_grad_(True), predict)
    with torch.no_grad():
        subject = choose(predictor(picture)[0], label)
    maps = {}
    for stage in stages:
        explain = getattr(pytorch_grad_cam, METHODS[method or usual])(
            predictor, [backbone.stages[stage - 1]], reshape_transform=_channels_first
        )
        with torch.enable_grad():
            maps[stage] = explain(picture, [subject.target])[0]
        explain.activations_and_grads.release()
    return subject, maps


def plot_class_activation(
    rows: Sequence[tuple[Tensor, Subject, Mapping[int, np.ndarray]]], classes: Sequence[str] | None
) -> Figure:
    """A row for each picture (1, 3, H, W): itself, then the map of each stage on it."""
    columns = 1 + max(len(maps) for _, _, maps in rows)
    height, width = rows[0][0].shape[-2:]
    size = (2.4 * columns, (2.4 * height / width + 0.3) * len(rows))
    figure = Figure(figsize=size, layout='constrained')
    for (picture, subject, maps), line in zip(
        rows, figure.subplots(len(rows), columns, squeeze=False), strict=True
    ):
        pixels = unit_range(picture[0].permute(1, 2, 0).cpu().numpy())  # (H, W, 3)
        name = classes[subject.label] if classes else f'class {subject.label}'
        for axes in line:
            axes.imshow(pixels)
            axes.set(xticks=[], yticks=[])
            _draw_box(axes, subject)
        line[0].set_title(f'{name} {subject.score:.2g}', fontsize=8)
        for axes, (stage, values) in zip(line[1:], maps.items(), strict=True):
            axes.imshow(values, cmap='inferno', alpha=0.6, vmin=0, vmax=1)
            axes.set_title(f'stage {stage}', fontsize=8)
    return figure


def _draw_box(axes: Axes, subject: Subject) -> None:
    if subject.box is not None:
        x1, y1, x2, y2 = subject.box
        axes.add_patch(
            Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, fill=False, color='cyan', lw=1.5)
        )


class _Predictor(nn.Module):
    """A model as the package calls one: from pictures (B, 3, H, W) to an ``Output`` of each."""

    def __init__(self, model: BaseModel, predict: Callable[..., Sequence[Output]]) -> None:
        super().__init__()
        self.model, self.predict = model, predict

    def forward(self, pictures: Tensor) -> Sequence[Output]:
        return self.predict(self.model, pictures)


def _channels_first(inner: Tensor) -> Tensor:
    """The stages' maps are (B, H, W, C), and the package reads (B, C, H, W)."""
    return inner.permute(0, 3, 1, 2)


def _logits(model: BaseModel, pictures: Tensor) -> Tensor:
    return model(pictures, mode='tensor')


def _choose_class(logits: Tensor, label: int | None) -> Subject:
    scores = logits.softmax(0)
    if label is not None and label >= len(scores):
        raise UserError(f'there is no class {label}: the model has {len(scores)}, counted from 0')
    chosen = int(scores.argmax()) if label is None else label
    return Subject(chosen, scores[chosen].item(), lambda output: output[chosen])


def _logit_maps(model: BaseModel, pictures: Tensor) -> Tensor:
    maps = model(pictures, mode='tensor')
    if not (isinstance(maps, Tensor) and maps.dim() == 4):
        raise UserError(f'{type(model).__name__} has no map of logits to explain')
    return maps


def _choose_region(logits: Tensor, label: int | None) -> Subject:
    """All pixels (of the logits' map) in which the class wins."""
    winners = logits.argmax(0)  # (h, w)
    chosen = int(winners.flatten().mode().values) if label is None else label
    region = winners == chosen
    if not region.any():
        raise UserError(f'the model finds class {chosen} nowhere in the picture')
    share = region.float().mean().item()
    return Subject(chosen, share, lambda output: output[chosen][region].sum())


def _detections(model: BaseModel, pictures: Tensor) -> Sequence[BaseDataElement]:
    from mmdet.structures import DetDataSample

    size = tuple(pictures.shape[-2:])
    sizes = dict.fromkeys(('img_shape', 'ori_shape', 'pad_shape', 'batch_input_shape'), size)
    meta = dict(img_id=0, scale_factor=(1.0, 1.0), **sizes)
    samples = [DetDataSample(metainfo=meta) for _ in pictures]
    found = model(pictures, samples, mode='predict')
    if not all('pred_instances' in sample for sample in found):
        raise UserError(f'{type(model).__name__} finds no instances to explain')
    return [sample.pred_instances for sample in found]


def _choose_detection(found: Any, label: int | None) -> Subject:
    """The strongest one, and the score of what is found of its class in its place."""
    candidates = found if label is None else found[found.labels == label]
    if not len(candidates):
        of = '' if label is None else f' of class {label}'
        raise UserError(f'the model finds no object{of} in the picture')
    best = candidates[int(candidates.scores.argmax())]
    chosen, box = int(best.labels), best.bboxes.detach()  # (1, 4)

    def score(output: Any) -> Tensor:
        from torchvision.ops import box_iou

        overlaps = box_iou(box, output.bboxes)[0] * (output.labels == chosen)
        return (output.scores * ((overlaps > SAME_OBJECT) & (overlaps == overlaps.max()))).sum()

    return Subject(chosen, best.scores.item(), score, tuple(box[0].tolist()))


PREDICTORS: dict[str, tuple[Callable, Callable, str]] = {
    'mmpretrain': (_logits, _choose_class, 'gradcam'),
    'mmseg': (_logit_maps, _choose_region, 'gradcam'),
    'mmdet': (_detections, _choose_detection, 'layercam'),
}
"""default_scope of a config -> what its models give, what of that is explained, and how."""
