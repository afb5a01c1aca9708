"""Token labels: label maps, their maker, what a pipeline and a loss make of them, their check.

Needs mmpretrain. Importing this registers the transforms, MixToken and CheckLabelMapsHook.
"""

from heracles_mm.token_labels.check_label_maps_hook import CheckLabelMapsHook
from heracles_mm.token_labels.label_map_transforms import (
    LabelMapRandAugment,
    LabelMapRandomFlip,
    LabelMapRandomResizedCrop,
    LoadLabelMap,
    PackLabelMap,
)
from heracles_mm.token_labels.mix_token import MixToken

__all__ = [
    'CheckLabelMapsHook',
    'LabelMapRandAugment',
    'LabelMapRandomFlip',
    'LabelMapRandomResizedCrop',
    'LoadLabelMap',
    'MixToken',
    'PackLabelMap',
]
