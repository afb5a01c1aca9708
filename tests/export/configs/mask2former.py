"""A small Mask2Former for instances on a Heracles of one narrow block a stage."""

_base_ = ['../../../configs/mask2former_heracles_s_coco.py', './narrow_mask2former.py']

model = dict(
    backbone=dict(arch=_base_.small_arch, img_size=64),
    panoptic_head=dict(
        num_things_classes=3, loss_cls=dict(class_weight=[1.0] * 3 + [0.1]), **_base_.small_head
    ),
    panoptic_fusion_head=dict(num_things_classes=3),
    test_cfg=dict(max_per_image=10),
)
