# UperNet, HAMSA-S, Pascal VOC 2012, 40k iterations, batch 16, AdamW 6e-5, crops of 512: data and
# length of mmseg's upernet_r50_4xb4-40k_voc12aug-512x512.py, AdamW as comparable backbones have it
# on ADE20K (assumed: the papers of this family report no VOC).
# No pretrained weights are public; with a classifier checkpoint of your own:
#   model.backbone.init_cfg=dict(type='Pretrained', checkpoint=PATH, prefix='backbone.')
_base_ = [
    './_base_/models/upernet.py',
    './_base_/datasets/voc2012_aug.py',
    './_base_/schedules/voc2012_40k.py',
]

model = dict(
    backbone=dict(type='Hamsa', arch='s', drop_path_rate=0.1),
    decode_head=dict(in_channels=[64, 128, 320, 448], num_classes=21),
    auxiliary_head=dict(in_channels=320, num_classes=21),
)
