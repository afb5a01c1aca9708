# From the classifier in the file $PRETRAINED, else pretrained.pth: backbone and class block,
# while a head of other classes stays behind; filters and kernels of another size are resampled.
# 100 epochs of batch 128, AdamW 1e-4, 5 epochs of warm-up, cosine, weight decay 0.05 (all
# assumed: the papers give accuracies after fine-tuning and no recipe).
_base_ = '../classification_runtime.py'

load_from = r"""{{$PRETRAINED:pretrained.pth}}"""

epochs = 100
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=epochs, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, end=5, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=5, end=epochs, eta_min=1e-6, convert_to_iter_based=True),
]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0),
)
default_hooks = dict(checkpoint=dict(interval=5, save_best='accuracy/top1'))
# `--auto-scale-lr` scales the rate to another batch.
auto_scale_lr = dict(enable=False, base_batch_size=128)
