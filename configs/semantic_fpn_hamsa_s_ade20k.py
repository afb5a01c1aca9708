# Semantic FPN, HAMSA-S, ADE20K, 80k iterations, batch 16, AdamW 1e-4, poly 0.9, crops of 512: PVT's
# recipe (assumed: the papers of this family report no Semantic FPN).
# No pretrained weights are public; with a classifier checkpoint of your own:
#   model.backbone.init_cfg=dict(type='Pretrained', checkpoint=PATH, prefix='backbone.')
_base_ = [
    './_base_/models/semantic_fpn.py',
    './_base_/datasets/ade20k.py',
    './_base_/schedules/ade20k_80k.py',
]

model = dict(
    backbone=dict(type='Hamsa', arch='s', drop_path_rate=0.1),
    neck=dict(in_channels=[64, 128, 320, 448]),
)
