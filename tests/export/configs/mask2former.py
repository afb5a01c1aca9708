"""Mask2Former for instances, of few layers, everything narrow, on a Heracles of one narrow block a
stage."""

_base_ = ['../../../configs/mask2former_heracles_s_coco.py']

arch = dict(_delete_=True, stem_width=8, embed_dims=(32,) * 4, depths=(1,) * 4, mlp_ratios=(2,) * 4)
attention = dict(embed_dims=32, num_heads=4)
feed_forward = dict(embed_dims=32, feedforward_channels=32)
model = dict(
    backbone=dict(arch=arch, img_size=64),
    panoptic_head=dict(
        in_channels=[32] * 4,
        feat_channels=32,
        out_channels=32,
        num_queries=10,
        num_things_classes=3,
        pixel_decoder=dict(
            norm_cfg=dict(num_groups=4),
            encoder=dict(
                num_layers=1, layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=feed_forward)
            ),
            positional_encoding=dict(num_feats=16),
        ),
        positional_encoding=dict(num_feats=16),
        transformer_decoder=dict(
            num_layers=3,
            layer_cfg=dict(self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=feed_forward),
        ),
        loss_cls=dict(class_weight=[1.0] * 3 + [0.1]),
    ),
    panoptic_fusion_head=dict(num_things_classes=3),
    test_cfg=dict(max_per_image=10),
)
