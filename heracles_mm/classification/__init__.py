"""Classification with mmpretrain: the class token, its classifier and heads, token labels.

Needs mmpretrain; name ``heracles_mm.classification`` in a config's ``custom_imports``. Importing it
registers the modules and gives mmpretrain's model hub the names of this package's classifiers.
"""

from heracles_mm.classification.class_block import ClassAttentionBlock, ClassSpectralBlock
from heracles_mm.classification.classifier import ClassTokenClassifier
from heracles_mm.classification.model_index import register_models
from heracles_mm.classification.token_label_head import TokenLabelHead
from heracles_mm.token_labels.check_label_maps_hook import CheckLabelMapsHook
from heracles_mm.token_labels.label_map_transforms import (
    LabelMapRandAugment,
    LabelMapRandomFlip,
    LabelMapRandomResizedCrop,
    LoadLabelMap,
    PackLabelMap,
)
from heracles_mm.token_labels.mix_token import MixToken

register_models()

__all__ = [
    'CheckLabelMapsHook',
    'ClassAttentionBlock',
    'ClassSpectralBlock',
    'ClassTokenClassifier',
    'LabelMapRandAugment',
    'LabelMapRandomFlip',
    'LabelMapRandomResizedCrop',
    'LoadLabelMap',
    'MixToken',
    'PackLabelMap',
    'TokenLabelHead',
]
