"""What of a model is exported, and what its outputs are called."""

from typing import NamedTuple

from torch import Tensor, nn

from heracles_mm.errors import UserError
from heracles_mm.forecasting.forecaster import Forecaster

WHATS = ('model', 'backbone')


class Target(NamedTuple):
    """A module from pictures (B, channels, H, W) to tensors, and the names of these; of windows
    (B, channels) where it is a forecaster, which have no ``shape``."""

    module: nn.Module
    outputs: tuple[str, ...]
    channels: int = 3
    takes_windows: bool = False


class SegmentorLogits(nn.Module):
    """A segmentor of mmseg from pictures (B, C, H, W) to the logits (B, K, H, W) of its decode
    head, resized to the picture as in its own predictions."""

    def __init__(self, segmentor: nn.Module) -> None:
        super().__init__()
        self.segmentor = segmentor

    def forward(self, x: Tensor) -> Tensor:
        size = {'img_shape': tuple(x.shape[2:])}  # of all pictures: heads read the first's
        return self.segmentor.encode_decode(x, [size])  # type: ignore[operator]


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
            for the ``logits`` of a classifier, (B, K), or a segmentor, (B, K, H, W), or the
            ``forecast`` of a forecaster, (N, horizon).

    Raises:
        UserError: the whole of such a model cannot be exported.
    """
    backbone = getattr(model, 'backbone', None)
    channels = getattr(backbone, 'in_channels', 3)
    if what == 'backbone':
        stages = getattr(backbone, 'out_indices', None)
        if not isinstance(backbone, nn.Module) or not stages:
            raise UserError(f'a {type(model).__name__} has no backbone that names its out_indices')
        return Target(backbone, tuple(f'stage_{index + 1}' for index in stages), channels)
    if isinstance(model, Forecaster):
        look_back = model.backbone.look_back
        return Target(ColumnForecasts(model), ('forecast',), look_back, takes_windows=True)
    kinds = {base.__module__.split('.')[0] + '.' + base.__name__ for base in type(model).__mro__}
    if 'mmpretrain.ImageClassifier' in kinds:
        return Target(model, ('logits',), channels)
    if 'mmseg.EncoderDecoder' in kinds:
        return Target(SegmentorLogits(model), ('logits',), channels)
    raise UserError(
        f'a {type(model).__name__} cannot be exported whole, only an ImageClassifier of mmpretrain '
        "or an EncoderDecoder of mmseg can: give --what backbone for this model's feature maps"
    )
