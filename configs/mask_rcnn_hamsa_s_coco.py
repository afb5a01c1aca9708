# Mask R-CNN, HAMSA-S, COCO, 12 epochs, batch 16, AdamW 1e-4 (assumed: Heracles' recipe, the paper
# gives none). Published with pretraining: box AP 47.9, mask AP 43.0; no pretrained weights are
# public; with a classifier checkpoint of your own:
#   model.backbone.init_cfg=dict(type='Pretrained', checkpoint=PATH, prefix='backbone.')
_base_ = [
    './_base_/models/mask_rcnn_fpn.py',
    './_base_/datasets/coco_instance.py',
    './_base_/schedules/coco_1x.py',
    './_base_/detection_runtime.py',
]

model = dict(
    backbone=dict(type='Hamsa', arch='s', drop_path_rate=0.1),
    neck=dict(in_channels=[64, 128, 320, 448]),
)
