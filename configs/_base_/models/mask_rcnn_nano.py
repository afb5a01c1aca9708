# Mask R-CNN for nano backbones and the 5 classes of the scenes: everything narrow, few proposals.
_base_ = './mask_rcnn_fpn.py'

width = 64
model = dict(
    neck=dict(in_channels=[32, 64, 128, 192], out_channels=width),
    rpn_head=dict(
        in_channels=width,
        feat_channels=width,
        anchor_generator=dict(scales=[8]),
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(
            out_channels=width, finest_scale=28, roi_layer=dict(sampling_ratio=1)
        ),
        bbox_head=dict(in_channels=width, fc_out_channels=256, num_classes=5),
        mask_roi_extractor=dict(
            out_channels=width, finest_scale=28, roi_layer=dict(sampling_ratio=1)
        ),
        mask_head=dict(num_convs=3, in_channels=width, conv_out_channels=width, num_classes=5),
    ),
    train_cfg=dict(
        rpn=dict(sampler=dict(num=128)),
        rpn_proposal=dict(nms_pre=400, max_per_img=200),
        rcnn=dict(sampler=dict(num=64)),
    ),
    test_cfg=dict(rpn=dict(nms_pre=400, max_per_img=100), rcnn=dict(max_per_img=30)),
)
