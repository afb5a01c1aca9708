# UperNet for nano backbones and the 9 classes of the scenes, everything narrow.
_base_ = './upernet.py'

# A small batch has few values for a BatchNorm, and a branch pooled to one pixel only one a picture.
norm = dict(type='GN', num_groups=8)
weights = [2.0] * 5 + [1.0] * 4  # five objects, which cover few pixels; four backgrounds
model = dict(
    data_preprocessor=dict(size=(160, 160)),
    decode_head=dict(
        in_channels=[32, 64, 128, 192],
        channels=48,
        num_classes=9,
        norm_cfg=norm,
        loss_decode=dict(class_weight=weights),
    ),
    auxiliary_head=dict(
        in_channels=128,
        channels=32,
        num_classes=9,
        norm_cfg=norm,
        loss_decode=dict(class_weight=weights),
    ),
)
