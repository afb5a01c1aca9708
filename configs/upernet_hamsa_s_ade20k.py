# UperNet, HAMSA-S, ADE20K, 160k iterations, batch 16, AdamW 6e-5, crops of 512: the recipe that
# comparable backbones share; drop path 0.1, 0.2, 0.3 for S, B, L is assumed.
# No pretrained weights are public; with a classifier checkpoint of your own:
#   model.backbone.init_cfg=dict(type='Pretrained', checkpoint=PATH, prefix='backbone.')
_base_ = [
    './_base_/models/upernet.py',
    './_base_/datasets/ade20k.py',
    './_base_/schedules/ade20k_160k.py',
]

model = dict(
    backbone=dict(type='Hamsa', arch='s', drop_path_rate=0.1),
    decode_head=dict(in_channels=[64, 128, 320, 448]),
    auxiliary_head=dict(in_channels=320),
)
