"""Cascade Mask R-CNN of two stages, all narrow, on a Heracles of one narrow block a stage.

Its heads have norms, which refuse a batch that may be empty.
"""

_base_ = ['../../../configs/cascade_mask_rcnn_heracles_s_coco_3x.py']

arch = dict(_delete_=True, stem_width=8, embed_dims=(32,) * 4, depths=(1,) * 4, mlp_ratios=(2,) * 4)
head = dict(
    type='ConvFCBBoxHead',
    num_shared_convs=1,
    num_shared_fcs=1,
    norm_cfg=dict(type='BN'),
    in_channels=16,
    conv_out_channels=16,
    fc_out_channels=32,
    roi_feat_size=7,
    num_classes=3,
    reg_class_agnostic=False,
    reg_decoded_bbox=True,
    loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False),
    loss_bbox=dict(type='GIoULoss'),
)


def coder(stds):
    return dict(type='DeltaXYWHBBoxCoder', target_means=[0.0] * 4, target_stds=stds)


model = dict(
    backbone=dict(arch=arch, img_size=64),
    neck=dict(in_channels=[32] * 4, out_channels=16),
    rpn_head=dict(in_channels=16, feat_channels=16, anchor_generator=dict(scales=[4])),
    roi_head=dict(
        num_stages=2,
        stage_loss_weights=[1, 0.5],
        bbox_roi_extractor=dict(out_channels=16, finest_scale=14),
        mask_roi_extractor=dict(out_channels=16, finest_scale=14),
        bbox_head=[
            dict(bbox_coder=coder([0.1, 0.1, 0.2, 0.2]), **head),
            dict(bbox_coder=coder([0.05, 0.05, 0.1, 0.1]), **head),
        ],
        mask_head=dict(
            norm_cfg=dict(type='BN'),
            num_convs=1,
            in_channels=16,
            conv_out_channels=16,
            num_classes=3,
        ),
    ),
    test_cfg=dict(rpn=dict(nms_pre=100, max_per_img=30), rcnn=dict(max_per_img=10)),
)
