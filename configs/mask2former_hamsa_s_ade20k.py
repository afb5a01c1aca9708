# Mask2Former, HAMSA-S, ADE20K, 160k iterations, batch 16, AdamW 1e-4, gradient clip 0.01, crops of
# 512: a tenth of the rate in the backbone and drop path 0.3 as mmseg's mask2former_swin-
# t_8xb2-160k_ade20k-512x512.py (assumed: the papers of this family report no Mask2Former).
# No pretrained weights are public; with a classifier checkpoint of your own:
#   model.backbone.init_cfg=dict(type='Pretrained', checkpoint=PATH, prefix='backbone.')
_base_ = [
    './_base_/models/mask2former_semantic.py',
    './_base_/datasets/ade20k_short_side.py',
    './_base_/schedules/ade20k_mask2former_160k.py',
]

model = dict(
    backbone=dict(type='Hamsa', arch='s', drop_path_rate=0.3),
    decode_head=dict(in_channels=[64, 128, 320, 448]),
)
