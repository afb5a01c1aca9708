# The demo: Mask R-CNN, nano Heracles, the embedded scenes: minutes on two CPU cores.
_base_ = [
    './_base_/models/mask_rcnn_fpn.py',
    './_base_/datasets/scenes_instance.py',
    './_base_/default_runtime.py',
]
custom_imports = dict(
    imports=[
        'heracles_mm',
        'heracles_mm.engine',
        'heracles_mm.datasets.detection',
        'heracles_mm.datasets.metrics',
    ],
)

custom_hooks = [dict(type='PlainCheckpointHook'), dict(type='EvaluateFirstHook')]

width = 64
model = dict(
    backbone=dict(
        type='Heracles', arch='nano', spectral_stages=2, img_size=160, drop_path_rate=0.0
    ),
    neck=dict(in_channels=[32, 64, 128, 192], out_channels=width),
    rpn_head=dict(
        in_channels=width,
        feat_channels=width,
        anchor_generator=dict(scales=[8]),
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(
            out_channels=width, finest_scale=28, roi_layer=dict(sampling_ratio=1)
        ),
        bbox_head=dict(in_channels=width, fc_out_channels=256, num_classes=5),
        mask_roi_extractor=dict(
            out_channels=width, finest_scale=28, roi_layer=dict(sampling_ratio=1)
        ),
        mask_head=dict(num_convs=3, in_channels=width, conv_out_channels=width, num_classes=5),
    ),
    train_cfg=dict(
        rpn=dict(sampler=dict(num=128)),
        rpn_proposal=dict(nms_pre=400, max_per_img=200),
        rcnn=dict(sampler=dict(num=64)),
    ),
    test_cfg=dict(rpn=dict(nms_pre=400, max_per_img=100), rcnn=dict(max_per_img=30)),
)

max_iters = 800
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=200)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=50, end=max_iters, eta_min=1e-6),
]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0),
    clip_grad=dict(max_norm=5.0, norm_type=2),
)
default_hooks = dict(
    logger=dict(interval=20, log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=max_iters),
)
log_processor = dict(by_epoch=False, window_size=20)
randomness = dict(seed=0)
