# 160k iterations of 16 pictures (8 GPUs x 2), AdamW 1e-4 and a tenth of it in the backbone, poly
# 0.9: Mask2Former's recipe (arXiv:2112.01527), as mmseg has it for Swin.
_base_ = '../segmentation_runtime.py'
custom_imports = dict(
    imports=[
        'heracles_mm',
        'heracles_mm.engine',
        'heracles_mm.datasets.segmentation_metrics',
        'heracles_mm.engine.segmentation_visualizer',
        'mmdet.models',  # whose head mmseg's is
    ],
)

max_iters = 160_000
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=5000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False, begin=0, end=max_iters),
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
default_hooks = dict(checkpoint=dict(interval=5000))
# `--auto-scale-lr` scales the rate to another batch.
auto_scale_lr = dict(enable=False, base_batch_size=16)
