# 1000 iterations of 8 pictures, Muon 2e-3 (needs timm), poly 0.9 (all assumed).
_base_ = '../segmentation_runtime.py'

max_iters = 1000
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=250)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False, begin=50, end=max_iters),
]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(
        type='timm.optim.Muon', lr=2e-3, nesterov=True, betas=(0.9, 0.999), weight_decay=0.05
    ),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0),
    clip_grad=dict(max_norm=1.0),
)
default_hooks = dict(checkpoint=dict(interval=250, save_best='mIoU'))
# `--auto-scale-lr` scales the rate to another batch.
auto_scale_lr = dict(enable=False, base_batch_size=8)
randomness = dict(seed=0)
