"""What of a model is exported, and what its outputs are called."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from heracles_mm.errors import UserError
from heracles_mm.export.detectors import detections
from heracles_mm.export.query_detectors import QUERIES
from heracles_mm.forecasting.forecaster import Forecaster

WHATS = ('model', 'backbone')


class Target(NamedTuple):
    """A module from pictures (B, channels, H, W) to tensors, and the names of these; a detector's
    takes the height and width of what is not padding too, a forecaster's windows (B, channels)."""

    module: nn.Module
    outputs: tuple[str, ...]
    task: str
    channels: int = 3

    @property
    def detects(self) -> bool:
        """Whether it takes one picture at a time, beside its size, and gives N detections."""
        return self.task == 'detection'

    @property
    def compared(self) -> tuple[str, ...]:
        """Names of what the model itself gives."""
        return getattr(self.module, 'found', ()) or self.outputs

    @property
    def input_names(self) -> tuple[str, ...]:
        if self.task == 'forecasting':
            return ('window',)
        return ('image', 'size') if self.detects else ('image',)

    def inputs(self, x: Tensor) -> tuple[Tensor, ...]:
        """What the module takes for pictures without padding."""
        return (x, torch.tensor(x.shape[2:]).float()) if self.detects else (x,)

    def own(self, x: Tensor, *size: Tensor) -> Sequence[Tensor]:
        """What the model itself gives."""
        if self.detects:
            height, width = map(int, size[0])
            return self.module.own(x, (height, width))  # type: ignore[operator]
        found = self.module(x)
        return [found] if isinstance(found, Tensor) else found


class SegmentorLogits(nn.Module):
    """A segmentor of mmseg from pictures (B, C, H, W) to the logits (B, K, H, W) of its decode
    head, resized to the picture as in its own predictions."""

    def __init__(self, segmentor: nn.Module) -> None:
        super().__init__()
        self.segmentor = segmentor

    def forward(self, x: Tensor) -> Tensor:
        size = {'img_shape': _Sides(x.shape[2:])}  # of all pictures: heads read the first's
        return self.segmentor.encode_decode(x, [size])  # type: ignore[operator]


class _Sides(tuple):
    """Height and width, which samples of mmseg cannot copy where they are symbols of a graph."""

    def __deepcopy__(self, memo: dict) -> '_Sides':
        return self


class ColumnForecasts(nn.Module):
    """A forecaster from scaled windows of single columns (N, look_back) to (N, horizon)."""

    def __init__(self, forecaster: Forecaster) -> None:
        super().__init__()
        self.forecaster = forecaster

    def forward(self, x: Tensor) -> Tensor:
        return self.forecaster(x.unsqueeze(-1)).squeeze(-1)


def target(model: nn.Module, what: str) -> Target:
    """The part of a forecaster or of a model of mmpretrain, mmseg or mmdet that ``what`` names.

    Args:
        model: built by its library.
        what: ``'backbone'`` for its maps ``stage_1`` (B, C_1, H / 4, W / 4) and so on; ``'model'``
            for the ``logits`` of a classifier, (B, K), or a segmentor, (B, K, H, W), for what a
            detector finds (:mod:`~heracles_mm.export.detectors`), or for the ``forecast`` of a
            forecaster, (N, horizon).

    Raises:
        UserError: the whole of such a model cannot be exported.
    """
    backbone = getattr(model, 'backbone', None)
    channels = getattr(backbone, 'in_channels', 3)
    if what == 'backbone':
        stages = getattr(backbone, 'out_indices', None)
        if not isinstance(backbone, nn.Module) or not stages:
            raise UserError(f'a {type(model).__name__} has no backbone that names its out_indices')
        names = tuple(f'stage_{index + 1}' for index in stages)
        return Target(backbone, names, 'features', channels)
    if isinstance(model, Forecaster):
        look_back = model.backbone.look_back
        return Target(ColumnForecasts(model), ('forecast',), 'forecasting', look_back)
    kinds = {base.__module__.split('.')[0] + '.' + base.__name__ for base in type(model).__mro__}
    if 'mmpretrain.ImageClassifier' in kinds:
        return Target(model, ('logits',), 'classification', channels)
    if 'mmseg.EncoderDecoder' in kinds:
        return Target(SegmentorLogits(model), ('logits',), 'segmentation', channels)
    if (kind := type(model).__name__) in QUERIES:
        queries = QUERIES[kind](model)
        return Target(queries, queries.outputs, 'detection', channels)
    if kinds & {'mmdet.SingleStageDetector', 'mmdet.TwoStageDetector'}:
        found = detections(model)
        return Target(found, found.outputs, 'detection', channels)
    raise UserError(
        f'a {type(model).__name__} cannot be exported whole, only an ImageClassifier of '
        'mmpretrain, an EncoderDecoder of mmseg and a one-stage detector, two-stage detector, DINO '
        'or Mask2Former of mmdet can: '
        "give --what backbone for this model's feature maps"
    )
