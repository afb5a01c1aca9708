# Upstream's recipe: 310 epochs of batch 1024 (8 GPUs x 128), AdamW 5e-4 x batch / 512, 5 epochs of
# warm-up from 1e-6, cosine to 1e-5, weight decay 0.05 on all but norms and biases. No EMA. It was
# trained in mixed precision: add `--amp`.
_base_ = '../classification_runtime.py'

epochs = 310
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=epochs, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, end=5, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=5, end=epochs, eta_min=1e-5),
]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, betas=(0.9, 0.999), weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0),
)
default_hooks = dict(checkpoint=dict(save_best='accuracy/top1'))
# `--auto-scale-lr` scales the rate to another batch.
auto_scale_lr = dict(enable=False, base_batch_size=1024)
