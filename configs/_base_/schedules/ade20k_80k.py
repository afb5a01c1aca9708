# 80k iterations of 16 pictures (8 GPUs x 2), AdamW 1e-4, poly 0.9: PVT's recipe for Semantic FPN
# (PoolFormer's 40k of 32 pictures at 2e-4 is the same one with twice the batch).
_base_ = '../segmentation_runtime.py'

max_iters = 80_000
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=8_000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False, begin=0, end=max_iters),
]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=1e-4),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0),
)
default_hooks = dict(checkpoint=dict(interval=8_000))
# `--auto-scale-lr` scales the rate to another batch.
auto_scale_lr = dict(enable=False, base_batch_size=16)
