"""Both families' classifiers at a small size, built through mmpretrain's registry as configs do."""

import pytest
from mmengine.registry import DefaultScope
from torch import nn

pytest.importorskip('mmpretrain', reason='the classifiers are of mmpretrain')

from mmpretrain.registry import MODELS

import heracles_mm.classification  # noqa: F401  (registers them)

TINY = dict(stem_width=8, embed_dims=(32, 32, 64, 64), depths=(1, 1, 1, 1), mlp_ratios=(2, 2, 2, 2))
FAMILIES = {
    'Heracles': dict(type='ClassAttentionBlock', in_channels=64),
    'Hamsa': dict(type='ClassSpectralBlock', in_channels=64, grid=(2, 2)),
}
HEADS = ('LinearClsHead', 'TokenLabelHead')


def build(config: dict) -> nn.Module:
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return MODELS.build(config)


def tiny(family: str, head: str = 'LinearClsHead', **options) -> nn.Module:
    """A classifier of five classes for 64 px; ``options`` are the backbone's."""
    return build(
        dict(
            type='ClassTokenClassifier',
            backbone=dict(type=family, arch=TINY, img_size=64, out_indices=(3,), **options),
            neck=FAMILIES[family],
            head=dict(type=head, num_classes=5, in_channels=64),
        )
    )
