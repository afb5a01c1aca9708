# 12 epochs of 16 pictures a step (8 GPUs x 2), AdamW 1e-4 and a tenth of it in the backbone, a step
# at 11: DINO's recipe (arXiv:2203.03605), as mmdet has it for Swin. Norms, biases and other vectors
# have no weight decay here; mmdet decays all.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=12, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

param_scheduler = [
    dict(type='MultiStepLR', by_epoch=True, begin=0, end=12, milestones=[11], gamma=0.1),
]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=1e-4),
    constructor='LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(
        decay_rate=1.0,  # all layers of the backbone alike; docs/layer_decay.md
        backbone_lr_mult=0.1,
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,
    ),
    clip_grad=dict(max_norm=0.1, norm_type=2),
)
# `--auto-scale-lr` scales the rate to another batch.
auto_scale_lr = dict(enable=False, base_batch_size=16)
