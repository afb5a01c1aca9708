# Mask R-CNN, Heracles-S, LVIS v1, 12 epochs, batch 16, AdamW 1e-4: data, repeat-factor sampling and
# test of mmdet's mask-rcnn_r50_fpn_sample1e-3_ms-1x_lvis-v1.py, the recipe of our Mask R-CNN on
# COCO (assumed: the papers of this family report no LVIS).
# No pretrained weights are public; with a classifier checkpoint of your own:
#   model.backbone.init_cfg=dict(type='Pretrained', checkpoint=PATH, prefix='backbone.')
_base_ = [
    './_base_/models/mask_rcnn_fpn.py',
    './_base_/datasets/lvis_v1_instance.py',
    './_base_/schedules/coco_1x.py',
    './_base_/detection_runtime.py',
]
custom_imports = dict(
    imports=['heracles_mm', 'heracles_mm.engine', 'heracles_mm.datasets.lvis_numpy'],
)

model = dict(
    backbone=dict(
        type='Heracles',
        arch='s',
        spectral_stages=1,
        kv_grid=28,  # ours, for large pictures: docs/heracles.md
        drop_path_rate=0.1,
    ),
    neck=dict(in_channels=[64, 128, 320, 448]),
    roi_head=dict(bbox_head=dict(num_classes=1203), mask_head=dict(num_classes=1203)),
    test_cfg=dict(rcnn=dict(score_thr=1e-4, max_per_img=300)),  # as LVIS counts
)
