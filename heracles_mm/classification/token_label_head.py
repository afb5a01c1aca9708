"""A linear head on the class token, and an auxiliary one on every patch."""

from typing import Any

from mmpretrain.models import LinearClsHead
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from heracles_mm.classification.classifier import Features

AUX_WEIGHT = 0.5
"""Share of the auxiliary logits' maximum in a prediction."""


@MODELS.register_module()
class TokenLabelHead(LinearClsHead):
    """Class logits of the class token and of every patch, which token labels teach.

    A prediction is head(class token) + 0.5 * maximum over the patches of aux(patch). Source:
    Heracles, upstream ``head`` and ``aux_head``.

    Args:
        num_classes: K.
        in_channels: C.
        **options: mmpretrain's ``LinearClsHead``.
    """

    def __init__(self, num_classes: int, in_channels: int, **options: Any) -> None:
        super().__init__(num_classes, in_channels, **options)
        self.aux = nn.Linear(in_channels, num_classes)

    def forward(self, feats: Features) -> Tensor:
        """Logits (B, K) of a prediction."""
        dense = self.dense(feats).flatten(1, 2)  # (B, H W, K)
        return self.fc(self.pre_logits(feats)) + AUX_WEIGHT * dense.amax(1)

    def dense(self, feats: Features) -> Tensor:
        """Logits (B, H, W, K) of every patch."""
        patches, _ = feats
        return self.aux(patches)
