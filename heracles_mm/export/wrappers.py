"""What of a model is exported, and what its outputs are called."""

from typing import NamedTuple

from torch import Tensor, nn

from heracles_mm.errors import UserError

WHATS = ('model', 'backbone')


class Target(NamedTuple):
    """A module from pictures (B, channels, H, W) to tensors, and the names of these."""

    module: nn.Module
    outputs: tuple[str, ...]
    channels: int = 3


class SegmentorLogits(nn.Module):
    """A segmentor of mmseg from pictures (B, C, H, W) to the logits (B, K, H, W) of its decode
    head, resized to the picture as in its own predictions."""

    def __init__(self, segmentor: nn.Module) -> None:
        super().__init__()
        self.segmentor = segmentor

    def forward(self, x: Tensor) -> Tensor:
        size = {'img_shape': tuple(x.shape[2:])}  # of all pictures: heads read the first's
        return self.segmentor.encode_decode(x, [size])  # type: ignore[operator]


def target(model: nn.Module, what: str) -> Target:
    """The part of a model of mmpretrain, mmseg or mmdet that ``what`` names.

    Args:
        model: built by its library.
        what: ``'backbone'`` for its maps ``stage_1`` (B, C_1, H / 4, W / 4) and so on; ``'model'``
            for the ``logits`` of a classifier, (B, K), or a segmentor, (B, K, H, W).

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
    kinds = {base.__module__.split('.')[0] + '.' + base.__name__ for base in type(model).__mro__}
    if 'mmpretrain.ImageClassifier' in kinds:
        return Target(model, ('logits',), channels)
    if 'mmseg.EncoderDecoder' in kinds:
        return Target(SegmentorLogits(model), ('logits',), channels)
    raise UserError(
        f'a {type(model).__name__} cannot be exported whole, only an ImageClassifier of mmpretrain '
        "or an EncoderDecoder of mmseg can: give --what backbone for this model's feature maps"
    )
