# 20 epochs of batch 32 from random weights, Muon 3e-3 (timm's, AdamW for what is no matrix), 100
# steps of warm-up, cosine, weight decay 0.05 on all but norms and biases (all assumed). No EMA.
_base_ = '../classification_runtime.py'

epochs = 20
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=epochs, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
    dict(type='CosineAnnealingLR', end=epochs, eta_min=1e-6, convert_to_iter_based=True),
]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(
        type='timm.optim.Muon', lr=3e-3, nesterov=True, betas=(0.9, 0.999), weight_decay=0.05
    ),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0),
    clip_grad=dict(max_norm=1.0),
)
default_hooks = dict(checkpoint=dict(save_best='accuracy/top1'))
# `--auto-scale-lr` scales the rate to another batch.
auto_scale_lr = dict(enable=False, base_batch_size=32)
randomness = dict(seed=0)
