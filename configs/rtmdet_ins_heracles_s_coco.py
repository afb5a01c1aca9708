# RTMDet-Ins, Heracles-S, COCO, 100 epochs with mosaics and mix-up, batch 128, AdamW 1e-3: neck,
# head and pipeline of mmdet's rtmdet-ins_l_8xb32-300e_coco.py, GroupNorm and schedule of its
# rtmdet_l_swin_b_4xb32-100e_coco.py (assumed, with drop path 0.2: no paper reports RTMDet-Ins over
# a backbone of this size). Its ConvNeXt-B has layer decay 0.8 on top, docs/layer_decay.md.
# No pretrained weights are public; with a classifier checkpoint of your own:
#   model.backbone.init_cfg=dict(type='Pretrained', checkpoint=PATH, prefix='backbone.')
_base_ = [
    './_base_/models/rtmdet_ins.py',
    './_base_/schedules/coco_rtmdet_100e.py',
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
