# Mask2Former for COCO's 80 things and 53 kinds of stuff; it predicts instances too.
_base_ = './mask2former.py'

classes = dict(num_things_classes=80, num_stuff_classes=53)
model = dict(
    data_preprocessor=dict(
        pad_seg=True,
        batch_augments=[
            dict(type='BatchFixedSizePad', size=(1024, 1024), pad_mask=True, pad_seg=True)
        ],
    ),
    panoptic_head=dict(loss_cls=dict(class_weight=[1.0] * 133 + [0.1]), **classes),
    panoptic_fusion_head=classes,
    test_cfg=dict(panoptic_on=True, iou_thr=0.8, filter_low_score=True),
)
