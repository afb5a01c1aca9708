# The same for nano backbones, everything narrow.
_base_ = './upernet_camvid.py'

model = dict(
    decode_head=dict(in_channels=[32, 64, 128, 192], channels=64),
    auxiliary_head=dict(in_channels=128, channels=32),
)
