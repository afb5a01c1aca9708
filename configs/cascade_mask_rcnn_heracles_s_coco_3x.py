# Cascade Mask R-CNN, Heracles-S, COCO, 36 epochs with multi-scale crops, batch 16, AdamW 1e-4: the
# recipe of Swin and Wave-ViT (assumed: the paper gives none).
# No pretrained weights are public; with a classifier checkpoint of your own:
#   model.backbone.init_cfg=dict(type='Pretrained', checkpoint=PATH, prefix='backbone.')
_base_ = [
    './_base_/models/cascade_mask_rcnn_fpn.py',
    './_base_/datasets/coco_instance_ms.py',
    './_base_/schedules/coco_3x.py',
    './_base_/detection_runtime.py',
]

model = dict(
    backbone=dict(
        type='Heracles',
        arch='s',
        spectral_stages=1,
        kv_grid=28,  # ours, for large pictures: docs/heracles.md
        drop_path_rate=0.2,
    ),
    neck=dict(in_channels=[64, 128, 320, 448]),
)
