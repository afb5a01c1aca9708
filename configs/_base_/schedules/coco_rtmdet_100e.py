# 100 epochs of 128 pictures a step (4 GPUs x 32), AdamW 1e-3, constant and then a cosine from the
# 50th epoch, averaged weights, the last 10 epochs without mosaics: mmdet's recipe of RTMDet over
# Swin-B. A resumed run begins with an empty cache of pictures for mosaics.
_base_ = ['../datasets/coco_instance_rtmdet.py', '../detection_runtime.py']

max_epochs, last_epochs = 100, 10
train_cfg = dict(
    type='EpochBasedTrainLoop',
    max_epochs=max_epochs,
    val_interval=10,
    dynamic_intervals=[(max_epochs - last_epochs, 1)],
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

param_scheduler = [
    dict(type='LinearLR', start_factor=1e-5, by_epoch=False, begin=0, end=1000),
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        convert_to_iter_based=True,
        begin=max_epochs // 2,
        end=max_epochs,
        T_max=max_epochs // 2,
        eta_min=5e-5,
    ),
]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, betas=(0.9, 0.999), weight_decay=0.05),
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,
        bypass_duplicate=True,  # the levels share their convolutions
    ),
)
default_hooks = dict(checkpoint=dict(interval=10))
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type='EMAHook',
        ema_type='ExpMomentumEMA',
        momentum=0.0002,
        update_buffers=True,
        priority=49,
    ),
    dict(
        type='PipelineSwitchHook',
        switch_epoch=max_epochs - last_epochs,
        switch_pipeline=_base_.last_pipeline,
    ),
]
# `--auto-scale-lr` scales the rate to another batch.
auto_scale_lr = dict(enable=False, base_batch_size=128)
