# A small classifier's schedule: 10 epochs of batch 32, AdamW 1e-3, minutes on two CPU cores.
_base_ = '../classification_runtime.py'
custom_imports = dict(
    imports=[
        'heracles_mm',
        'heracles_mm.engine',
        'heracles_mm.classification',
        'heracles_mm.datasets.classification',
    ],
)

epochs = 10
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=epochs, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, end=1, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=1, end=epochs, eta_min=1e-6, convert_to_iter_based=True),
]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0),
    clip_grad=dict(max_norm=5.0),
)
default_hooks = dict(
    logger=dict(interval=20),
    checkpoint=dict(interval=epochs),
)
randomness = dict(seed=0)
