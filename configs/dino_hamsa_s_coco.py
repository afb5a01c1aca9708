# DINO, HAMSA-S, COCO, 12 epochs with multi-scale crops, batch 16, AdamW 1e-4, gradient clip 0.1:
# mmdet's dino-4scale_r50_8xb2-12e_coco.py, a tenth of the rate in the backbone and drop path 0.2 as
# its dino-5scale_swin-l_8xb2-12e_coco.py (assumed: the papers of this family report no DINO).
# No pretrained weights are public; with a classifier checkpoint of your own:
#   model.backbone.init_cfg=dict(type='Pretrained', checkpoint=PATH, prefix='backbone.')
_base_ = [
    './_base_/models/dino.py',
    './_base_/datasets/coco_detection_dino.py',
    './_base_/schedules/coco_dino_12e.py',
    './_base_/detection_runtime.py',
]

model = dict(
    backbone=dict(type='Hamsa', arch='s', drop_path_rate=0.2),
    neck=dict(in_channels=[128, 320, 448]),
)
