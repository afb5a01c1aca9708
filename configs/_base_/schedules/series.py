# 2 epochs of batch 32 from the closed-form linear map, AdamW 5e-4, cosine (all assumed, chosen by
# the error on validation data). The best epoch on validation data is kept, too.
_base_ = '../series_runtime.py'

epochs = 2
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=epochs, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [
    dict(type='LinearLR', start_factor=0.02, by_epoch=False, end=50),
    dict(type='CosineAnnealingLR', end=epochs, eta_min=0.0, convert_to_iter_based=True),
]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.01),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0),
    clip_grad=dict(max_norm=1.0),
)
default_hooks = dict(checkpoint=dict(save_best='forecast/mse', rule='less', max_keep_ckpts=1))
# `--auto-scale-lr` scales the rate to another batch.
auto_scale_lr = dict(enable=False, base_batch_size=32)
randomness = dict(seed=0)
