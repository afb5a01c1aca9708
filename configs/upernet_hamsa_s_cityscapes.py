# UperNet, HAMSA-S, Cityscapes, 80k iterations, batch 8, AdamW 6e-5, crops of 512x1024: data and
# length of mmseg's upernet_r50_4xb2-80k_cityscapes-512x1024.py, AdamW as comparable backbones have
# it on ADE20K (assumed: the papers of this family report no Cityscapes).
# No pretrained weights are public; with a classifier checkpoint of your own:
#   model.backbone.init_cfg=dict(type='Pretrained', checkpoint=PATH, prefix='backbone.')
_base_ = [
    './_base_/models/upernet.py',
    './_base_/datasets/cityscapes.py',
    './_base_/schedules/cityscapes_80k.py',
]

model = dict(
    data_preprocessor=dict(size=(512, 1024)),
    backbone=dict(type='Hamsa', arch='s', drop_path_rate=0.1),
    decode_head=dict(in_channels=[64, 128, 320, 448], num_classes=19),
    auxiliary_head=dict(in_channels=320, num_classes=19),
)
