"""A linear head on the class token, and an auxiliary one on every patch."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from mmpretrain.models import LinearClsHead
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from heracles_mm.classification.classifier import Features
from heracles_mm.errors import LabelMapError
from heracles_mm.token_labels.mix_token import Cut
from heracles_mm.token_labels.token_targets import token_targets

AUX_WEIGHT = 0.5
"""Share of the auxiliary logits' maximum in a prediction."""


@MODELS.register_module()
class TokenLabelHead(LinearClsHead):
    """Class logits of the class token and of every patch, learnt from token labels.

    A prediction is head(class token) + 0.5 * maximum over the patches of aux(patch). Source:
    Heracles, upstream ``head`` and ``aux_head``.

    Args:
        num_classes, in_channels: K and C.
        dense_weight: of the patches' loss beside the class token's (published: 0.5).
        smoothing: share of every target that is spread over all classes (upstream: 0.1).
        **options: mmpretrain's ``LinearClsHead``; its ``loss`` is not used.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        dense_weight: float = 0.5,
        smoothing: float = 0.1,
        **options: Any,
    ) -> None:
        super().__init__(num_classes, in_channels, **options)
        self.aux = nn.Linear(in_channels, num_classes)
        self.dense_weight = dense_weight
        self.smoothing = smoothing

    def forward(self, feats: Features) -> Tensor:
        """Logits (B, K) of a prediction."""
        dense = self.dense_logits(feats)  # (B, H, W, K)
        return self.fc(self.pre_logits(feats)) + AUX_WEIGHT * dense.amax((1, 2))

    def dense_logits(self, feats: Features) -> Tensor:
        """Logits (B, H, W, K) of every patch; a label map is made of them where a head has them."""
        patches, _ = feats
        return self.aux(patches)

    def loss(
        self, feats: Features, data_samples: Sequence[DataSample], cut: Cut | None = None
    ) -> dict[str, Tensor]:
        """CE(class token) + ``dense_weight`` * CE(patches) against the label maps.

        Where tokens were mixed by ``cut``, the patches' targets are mixed alike, and the class
        token's by the shares of the two pictures.

        Raises:
            LabelMapError: a picture without a label map, or maps of another grid or class list.
        """
        classes, dense = self.fc(self.pre_logits(feats)), self.dense_logits(feats)
        targets = token_targets(data_samples, self.num_classes, self.smoothing, dense.device)
        target, dense_target = targets
        if dense.shape != dense_target.shape:
            raise LabelMapError(
                f'the label maps were packed to {tuple(dense_target.shape[1:3])} cells, the model '
                f'has {tuple(dense.shape[1:3])} patches: set the stride of PackLabelMap to that of '
                "the backbone's last map"
            )
        if cut is not None:
            target = cut.kept * target + (1 - cut.kept) * target.flip(0)
            dense_target = cut.mix(dense_target)
        patches = F.cross_entropy(dense.flatten(0, 2), dense_target.flatten(0, 2))
        return {
            'loss_class': F.cross_entropy(classes, target),
            'loss_patches': self.dense_weight * patches,
        }
