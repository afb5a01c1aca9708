"""mmpretrain's image classifier with a class token between backbone and head."""

from collections.abc import Sequence
from typing import Any

from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import Tensor

from heracles_mm.errors import UsageError

Features = tuple[Tensor, Tensor]
"""Patches (B, H / 32, W / 32, C) and class token (B, C), both after the backbone's last norm."""


@MODELS.register_module()
class ClassTokenClassifier(ImageClassifier):
    """Backbone, class block, the backbone's last norm, head.

    The class token is the mean of the last map *before* the backbone's last norm; the neck, a class
    block, lets it read that map; then the norm is applied to token and patches. The norm stays in
    the backbone, where a dense model that loads this checkpoint by ``prefix='backbone.'`` finds it.

    Args:
        backbone: a pyramid of this package, with its last stage, 3, in ``out_indices``.
        neck: a class block, :class:`ClassAttentionBlock` or :class:`ClassSpectralBlock`.
        head: mmpretrain's ``LinearClsHead``, which sees the class token alone, or
            :class:`TokenLabelHead`.
        mix_token: ``dict(type='MixToken')`` mixes the stem's tokens in training; with a head that
            has ``dense_logits`` and without Mixup and CutMix, else a ValueError says so.
        **options: mmpretrain's ``ImageClassifier``.

    Source: Heracles, upstream ``forward``.
    """

    def __init__(
        self,
        backbone: dict,
        neck: dict | None = None,
        head: dict | None = None,
        mix_token: dict | None = None,
        **options: Any,
    ) -> None:
        super().__init__(backbone, neck, head, **options)
        if 3 not in self.backbone.out_indices:
            raise UsageError(
                'a class token is made from the last map: backbone.out_indices must hold 3, '
                f'got {self.backbone.out_indices}'
            )
        self.mix_token = MODELS.build(mix_token) if mix_token else None
        if self.mix_token and not hasattr(self.head, 'dense_logits'):
            raise UsageError('mix_token mixes token labels, which need the head TokenLabelHead')
        if self.mix_token and getattr(self.data_preprocessor, 'batch_augments', None):
            raise UsageError(
                'mix_token replaces Mixup and CutMix: leave batch_augments (train_cfg.augments) out'
            )

    def loss(self, inputs: Tensor, data_samples: Sequence[DataSample]) -> dict[str, Tensor]:
        """Losses of pictures (B, 3, H, W), their tokens mixed where there is a ``mix_token``."""
        if self.mix_token is None:
            return self.head.loss(self.features(inputs), data_samples)
        mix_token, cut = self.mix_token, None

        def mix(tokens: Tensor) -> Tensor:
            nonlocal cut
            tokens, cut = mix_token(tokens)
            return tokens

        features = self.features(inputs, change_tokens=mix)
        return self.head.loss(features, data_samples, cut=cut)

    def extract_feat(self, inputs: Tensor, stage: str = 'neck') -> tuple[Tensor, ...] | Tensor:
        """Features of pictures (B, 3, H, W), as mmpretrain asks for them.

        These are, by ``stage``, the backbone's maps (``'backbone'``), :data:`Features` (``'neck'``)
        or what the head's last layer sees, the class token (B, C) (``'pre_logits'``).
        """
        if stage == 'backbone':
            return self.backbone(inputs)
        features = self.features(inputs)
        return features if stage == 'neck' else self.head.pre_logits(features)

    def features(self, inputs: Tensor, **options: Any) -> Features:
        """:data:`Features` of pictures; options are the backbone's."""
        last = self.backbone(inputs, last_norm=False, **options)[-1]  # (B, C, H / 32, W / 32)
        norm = self.backbone.last_norm
        return norm(last.permute(0, 2, 3, 1)), norm(self.neck(last))
