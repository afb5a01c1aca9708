# Mask R-CNN for the one class of Penn-Fudan: anchors for what stands upright, two sizes per level.
_base_ = './mask_rcnn_fpn.py'

model = dict(
    rpn_head=dict(anchor_generator=dict(scales=[6, 9], ratios=[1.0, 2.0, 3.0])),
    roi_head=dict(bbox_head=dict(num_classes=1), mask_head=dict(num_classes=1)),
)
