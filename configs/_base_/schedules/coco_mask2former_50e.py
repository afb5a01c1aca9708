# 50 epochs of COCO as 368,750 iterations of 16 pictures (8 GPUs x 2), AdamW 1e-4 and a tenth of it
# in the backbone, steps at 8/9 and 26/27: Mask2Former's recipe (arXiv:2112.01527), as mmdet has it
# for Swin.
_base_ = '../detection_runtime.py'

max_iters = 368_750
interval = 5000
train_cfg = dict(
    type='IterBasedTrainLoop',
    max_iters=max_iters,
    val_interval=interval,
    dynamic_intervals=[(max_iters // interval * interval + 1, max_iters)],  # not twice at the end
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

param_scheduler = [
    dict(
        type='MultiStepLR',
        by_epoch=False,
        begin=0,
        end=max_iters,
        milestones=[327_778, 355_092],
        gamma=0.1,
    ),
]
embeddings = dict(decay_mult=0.0)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05),
    constructor='LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(
        decay_rate=1.0,  # all layers of the backbone alike; docs/layer_decay.md
        backbone_lr_mult=0.1,
        custom_keys=dict(query_embed=embeddings, query_feat=embeddings, level_embed=embeddings),
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,
    ),
    clip_grad=dict(max_norm=0.01, norm_type=2),
)
default_hooks = dict(
    logger=dict(log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=interval),
)
log_processor = dict(by_epoch=False)
# `--auto-scale-lr` scales the rate to another batch.
auto_scale_lr = dict(enable=False, base_batch_size=16)
