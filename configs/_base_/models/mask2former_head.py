# Mask2Former's head for mmdet and mmseg alike: 100 queries, nine layers of masked attention, a
# pixel decoder of six layers of multi-scale deformable attention; mmdet's and mmseg's own options.
# The losses, the matching and the sampled points are the paper's (arXiv:2112.01527). Who uses it
# adds the number of classes and `loss_cls.class_weight`, 1 for each and 0.1 for "no object".
attention = dict(embed_dims=256, num_heads=8, batch_first=True)
mask2former = dict(
    type='Mask2FormerHead',
    feat_channels=256,
    out_channels=256,
    num_queries=100,
    num_transformer_feat_level=3,
    pixel_decoder=dict(
        type='mmdet.MSDeformAttnPixelDecoder',
        num_outs=3,
        norm_cfg=dict(type='GN', num_groups=32),
        act_cfg=dict(type='ReLU'),
        encoder=dict(
            num_layers=6,
            layer_cfg=dict(
                self_attn_cfg=dict(num_levels=3, num_points=4, dropout=0.0, **attention),
                ffn_cfg=dict(embed_dims=256, feedforward_channels=1024),
            ),
        ),
        positional_encoding=dict(num_feats=128, normalize=True),
    ),
    positional_encoding=dict(num_feats=128, normalize=True),
    transformer_decoder=dict(
        num_layers=9,
        return_intermediate=True,
        layer_cfg=dict(
            self_attn_cfg=attention,
            cross_attn_cfg=attention,
            ffn_cfg=dict(embed_dims=256, feedforward_channels=2048),
        ),
    ),
    loss_mask=dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True, loss_weight=5.0),
    loss_dice=dict(
        type='mmdet.DiceLoss', use_sigmoid=True, naive_dice=True, eps=1.0, loss_weight=5.0
    ),
)
loss_cls = dict(type='mmdet.CrossEntropyLoss', use_sigmoid=False, loss_weight=2.0)
matching = dict(
    num_points=12544,
    oversample_ratio=3.0,
    importance_sample_ratio=0.75,
    assigner=dict(
        type='mmdet.HungarianAssigner',
        match_costs=[
            dict(type='mmdet.ClassificationCost', weight=2.0),
            dict(type='mmdet.CrossEntropyLossCost', weight=5.0, use_sigmoid=True),
            dict(type='mmdet.DiceCost', weight=5.0, pred_act=True, eps=1.0),
        ],
    ),
    sampler=dict(type='mmdet.MaskPseudoSampler'),
)
