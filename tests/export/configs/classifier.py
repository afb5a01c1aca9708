"""A HAMSA classifier of one narrow block a stage."""

_base_ = '../../../configs/hamsa_nano_parts.py'

arch = dict(_delete_=True, stem_width=8, embed_dims=(32,) * 4, depths=(1,) * 4, mlp_ratios=(2,) * 4)
model = dict(backbone=dict(arch=arch), neck=dict(in_channels=32), head=dict(in_channels=32))
