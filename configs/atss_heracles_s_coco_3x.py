# ATSS, Heracles-S, COCO, 36 epochs with multi-scale crops, batch 16, AdamW 1e-4: the recipe of Swin
# and PVTv2 (PVT's atss_pvt_v2_b2_fpn_3x_mstrain_fp16.py; assumed: the paper gives none).
# No pretrained weights are public; with a classifier checkpoint of your own:
#   model.backbone.init_cfg=dict(type='Pretrained', checkpoint=PATH, prefix='backbone.')
_base_ = [
    './_base_/models/atss_fpn.py',
    './_base_/datasets/coco_detection_ms.py',
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
    neck=dict(in_channels=[128, 320, 448]),
)
