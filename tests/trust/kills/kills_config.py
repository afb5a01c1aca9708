"""Twelve steps of a toy with all that has a state: averages, schedulers, shuffling, dropout."""

custom_imports = dict(imports=['kills_parts'], allow_failed_imports=False)
default_scope = 'mmengine'
model = dict(type='DroppingModel')
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='JitteredPoints'),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='JitteredPoints', test_mode=True),
)
val_evaluator = dict(type='MeanPrediction')
train_cfg = dict(type='IterBasedTrainLoop', max_iters=12, val_interval=4)
val_cfg = dict(type='ValLoop')
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.05))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=5, by_epoch=False),
    dict(type='CosineAnnealingLR', T_max=7, begin=5, end=12, by_epoch=False),
]
default_hooks = dict(
    checkpoint=dict(
        type='CheckpointHook',
        interval=2,
        by_epoch=False,
        max_keep_ckpts=1,
        save_best='mean',
        rule='greater',
    ),
    logger=dict(type='LoggerHook', interval=1),
)
custom_hooks = [
    dict(type='EMAHook', momentum=0.1, update_buffers=True, priority=49),
    dict(type='Diary', path='diary.jsonl', sleep=0.01),
]
randomness = dict(seed=3)
log_processor = dict(by_epoch=False)
