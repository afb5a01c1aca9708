"""UperNet on a Heracles of one narrow block a stage."""

_base_ = '../../../configs/upernet_heracles_nano_scenes.py'

arch = dict(_delete_=True, stem_width=8, embed_dims=(32,) * 4, depths=(1,) * 4, mlp_ratios=(2,) * 4)
model = dict(
    backbone=dict(arch=arch),
    decode_head=dict(in_channels=[32] * 4, channels=16),
    auxiliary_head=dict(in_channels=32, channels=8),
)
