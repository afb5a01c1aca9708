# 600 iterations of 4 pictures, Muon 2e-3 (needs timm), cosine (all assumed).
_base_ = '../detection_runtime.py'

max_iters = 600
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=100)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=50, end=max_iters, eta_min=1e-6),
]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(
        type='timm.optim.Muon', lr=2e-3, nesterov=True, betas=(0.9, 0.999), weight_decay=0.05
    ),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0),
    clip_grad=dict(max_norm=1.0),
)
default_hooks = dict(
    logger=dict(interval=20, log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=100),
)
log_processor = dict(by_epoch=False, window_size=20)
# `--auto-scale-lr` scales the rate to another batch.
auto_scale_lr = dict(enable=False, base_batch_size=4)
randomness = dict(seed=0)
