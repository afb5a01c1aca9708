"""A small Mask2Former for label maps on a Heracles of one narrow block a stage."""

_base_ = ['../../../configs/mask2former_heracles_s_ade20k.py', './narrow_mask2former.py']

model = dict(
    backbone=dict(arch=_base_.small_arch, img_size=64),
    decode_head=dict(
        num_classes=3, loss_cls=dict(class_weight=[1.0] * 3 + [0.1]), **_base_.small_head
    ),
)
