"""Six steps of the toy model, a checkpoint every two, and a diary of what happened."""

custom_imports = dict(imports=['toy_parts'], allow_failed_imports=False)
default_scope = 'mmengine'
model = dict(type='ToyModel')
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='ToyLine'),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='ToyLine'),
)
test_dataloader = val_dataloader
val_evaluator = test_evaluator = dict(type='ToyMetric')
train_cfg = dict(type='IterBasedTrainLoop', max_iters=6, val_interval=3)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.05))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=3, by_epoch=False),
    dict(type='MultiStepLR', milestones=[4], gamma=0.5, by_epoch=False),
]
default_hooks = dict(
    checkpoint=dict(
        type='CheckpointHook', interval=2, by_epoch=False, save_best='mean', rule='greater'
    ),
    logger=dict(type='LoggerHook', interval=1),
)
custom_hooks = [dict(type='ToyDiary', path='{{$TOY_DIARY:diary_{rank}.json}}')]
randomness = dict(seed=3)
log_processor = dict(by_epoch=False)
