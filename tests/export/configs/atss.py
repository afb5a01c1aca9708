"""ATSS, everything narrow, on a Heracles of one narrow block a stage."""

_base_ = ['../../../configs/atss_heracles_s_coco_3x.py']

arch = dict(_delete_=True, stem_width=8, embed_dims=(32,) * 4, depths=(1,) * 4, mlp_ratios=(2,) * 4)
model = dict(
    backbone=dict(arch=arch, img_size=64),
    neck=dict(in_channels=[32] * 3, out_channels=64),
    bbox_head=dict(in_channels=64, feat_channels=64, stacked_convs=1, num_classes=3),
    test_cfg=dict(nms_pre=100, max_per_img=10),
)
