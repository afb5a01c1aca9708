"""A small DINO on a HAMSA of one narrow block a stage; mmdet writes 256 dimensions into it."""

_base_ = ['../../../configs/dino_hamsa_s_coco.py']

arch = dict(_delete_=True, stem_width=8, embed_dims=(32,) * 4, depths=(1,) * 4, mlp_ratios=(2,) * 4)
feed_forward = dict(feedforward_channels=32)
model = dict(
    num_queries=20,
    backbone=dict(arch=arch, img_size=64),
    neck=dict(in_channels=[32] * 3),
    encoder=dict(num_layers=1, layer_cfg=dict(ffn_cfg=feed_forward)),
    decoder=dict(num_layers=2, layer_cfg=dict(ffn_cfg=feed_forward)),
    bbox_head=dict(num_classes=3),
    test_cfg=dict(max_per_img=10),
)
