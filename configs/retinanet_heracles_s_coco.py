# RetinaNet, Heracles-S, COCO, 12 epochs, batch 16, AdamW 1e-4, weight decay 1e-4: the recipe of PVT
# and Wave-ViT (assumed: the paper gives none).
# No pretrained weights are public; with a classifier checkpoint of your own:
#   model.backbone.init_cfg=dict(type='Pretrained', checkpoint=PATH, prefix='backbone.')
_base_ = [
    './_base_/models/retinanet_fpn.py',
    './_base_/datasets/coco_detection.py',
    './_base_/schedules/coco_1x.py',
    './_base_/detection_runtime.py',
]

model = dict(
    backbone=dict(
        type='Heracles',
        arch='s',
        spectral_stages=1,
        kv_grid=28,  # ours, for large pictures: docs/heracles.md
        drop_path_rate=0.1,
    ),
    neck=dict(in_channels=[128, 320, 448]),
)
optim_wrapper = dict(optimizer=dict(weight_decay=1e-4))
