"""Mask2Former's head with one layer of pixels, two of queries, everything narrow."""

small_arch = dict(
    _delete_=True, stem_width=8, embed_dims=(32,) * 4, depths=(1,) * 4, mlp_ratios=(2,) * 4
)
small_attention = dict(embed_dims=32, num_heads=4)
small_feed_forward = dict(embed_dims=32, feedforward_channels=32)
small_positions = dict(num_feats=16)
small_head = dict(
    in_channels=[32] * 4,
    feat_channels=32,
    out_channels=32,
    num_queries=10,
    pixel_decoder=dict(
        norm_cfg=dict(num_groups=4),
        encoder=dict(
            num_layers=1, layer_cfg=dict(self_attn_cfg=small_attention, ffn_cfg=small_feed_forward)
        ),
        positional_encoding=small_positions,
    ),
    positional_encoding=small_positions,
    transformer_decoder=dict(
        num_layers=2,
        layer_cfg=dict(
            self_attn_cfg=small_attention,
            cross_attn_cfg=small_attention,
            ffn_cfg=small_feed_forward,
        ),
    ),
)
