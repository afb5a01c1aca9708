"""RetinaNet, everything narrow, on a HAMSA of one narrow block a stage."""

_base_ = ['../../../configs/retinanet_hamsa_s_coco.py']

arch = dict(_delete_=True, stem_width=8, embed_dims=(32,) * 4, depths=(1,) * 4, mlp_ratios=(2,) * 4)
model = dict(
    backbone=dict(arch=arch, img_size=64),
    neck=dict(in_channels=[32] * 3, out_channels=16),
    bbox_head=dict(in_channels=16, feat_channels=16, stacked_convs=1, num_classes=3),
    test_cfg=dict(nms_pre=100, max_per_img=10),
)
