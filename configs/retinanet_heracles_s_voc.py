# RetinaNet, Heracles-S, Pascal VOC 07+12, 12 epochs, batch 16, AdamW 1e-4, weight decay 1e-4: data
# and length of mmdet's retinanet_r50_fpn_1x_voc0712.py (4 epochs of data taken three times), the
# recipe of our RetinaNet on COCO (assumed: the papers of this family report no VOC).
# No pretrained weights are public; with a classifier checkpoint of your own:
#   model.backbone.init_cfg=dict(type='Pretrained', checkpoint=PATH, prefix='backbone.')
_base_ = [
    './_base_/models/retinanet_fpn.py',
    './_base_/datasets/voc0712_detection.py',
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
    bbox_head=dict(num_classes=20),
)
optim_wrapper = dict(optimizer=dict(weight_decay=1e-4))
