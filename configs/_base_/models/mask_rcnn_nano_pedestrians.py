# The same for nano backbones: everything narrow, few proposals, regions from finer maps than
# scenes'.
_base_ = './mask_rcnn_nano.py'

model = dict(
    rpn_head=dict(anchor_generator=dict(scales=[6, 9], ratios=[1.0, 2.0, 3.0])),
    roi_head=dict(
        bbox_roi_extractor=dict(finest_scale=56),
        bbox_head=dict(num_classes=1),
        mask_roi_extractor=dict(finest_scale=56),
        mask_head=dict(num_classes=1),
    ),
)
