# The segmentation demo's schedule: evaluated before, during and after, in minutes on two CPU cores.
_base_ = '../segmentation_runtime.py'
custom_hooks = [
    dict(type='CheckDataHook'),
    dict(type='RehearsalHook'),
    dict(type='PlainCheckpointHook'),
    dict(type='EvaluateFirstHook'),
    dict(type='EagerOptimizerHook'),
]

max_iters = 900
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=180)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=50, end=max_iters, eta_min=1e-6),
]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=3e-3, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0),
    clip_grad=dict(max_norm=5.0, norm_type=2),
)
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=max_iters))
log_processor = dict(window_size=20)
randomness = dict(seed=0)
