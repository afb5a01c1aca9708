"""Classification with mmpretrain: the class token, its classifier and heads.

Needs mmpretrain; name ``heracles_mm.classification`` in a config's ``custom_imports``.
"""

from heracles_mm.classification.class_block import ClassAttentionBlock, ClassSpectralBlock
from heracles_mm.classification.classifier import ClassTokenClassifier
from heracles_mm.classification.token_label_head import TokenLabelHead

__all__ = ['ClassAttentionBlock', 'ClassSpectralBlock', 'ClassTokenClassifier', 'TokenLabelHead']
