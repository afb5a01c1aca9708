# Mask2Former for instances, training batches padded to 1024x1024; a config that uses it gives
# `model.backbone` and `model.panoptic_head.in_channels`. For data other than COCO's 80 classes:
# docs/detection.md.
_base_ = './mask2former_head.py'

model = dict(
    type='Mask2Former',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=32,
        pad_mask=True,
        batch_augments=[dict(type='BatchFixedSizePad', size=(1024, 1024), pad_mask=True)],
    ),
    panoptic_head=dict(
        num_things_classes=80,
        num_stuff_classes=0,
        loss_cls=dict(class_weight=[1.0] * 80 + [0.1], **_base_.loss_cls),
        **_base_.mask2former,
    ),
    panoptic_fusion_head=dict(
        type='MaskFormerFusionHead', num_things_classes=80, num_stuff_classes=0
    ),
    train_cfg=_base_.matching,
    test_cfg=dict(panoptic_on=False, instance_on=True, max_per_image=100),
)
