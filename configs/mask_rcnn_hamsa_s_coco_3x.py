# Mask R-CNN, HAMSA-S, COCO, 36 epochs with multi-scale crops, batch 16, AdamW 1e-4.
_base_ = [
    './_base_/models/mask_rcnn_fpn.py',
    './_base_/datasets/coco_instance_ms.py',
    './_base_/schedules/coco_3x.py',
    './_base_/detection_runtime.py',
]

model = dict(
    backbone=dict(type='Hamsa', arch='s', drop_path_rate=0.2),
    neck=dict(in_channels=[64, 128, 320, 448]),
)
