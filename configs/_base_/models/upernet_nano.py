# UperNet for nano backbones and the 9 classes of the scenes, everything narrow.
_base_ = './upernet.py'

model = dict(
    data_preprocessor=dict(size=(160, 160)),
    decode_head=dict(in_channels=[32, 64, 128, 192], channels=64, num_classes=9),
    auxiliary_head=dict(in_channels=128, channels=32, num_classes=9),
)
