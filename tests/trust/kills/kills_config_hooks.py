"""By epochs of three steps, with every hook of the libraries that does something in training."""

_base_ = 'kills_config_epochs.py'
custom_imports = dict(imports=['kills_parts', 'kills_hooks'], allow_failed_imports=False)
model = dict(_delete_=True, type='HookedModel', data_preprocessor=dict(type='KillsPreprocessor'))
train_dataloader = dict(dataset=dict(type='SwitchedPoints', pipeline=[dict(type='Shift', by=0.0)]))
train_cfg = dict(max_epochs=9, val_interval=1)
param_scheduler = [
    dict(type='CosineAnnealingLR', T_max=9, by_epoch=True, convert_to_iter_based=True),
]
custom_hooks = [
    dict(type='EMAHook', momentum=0.1, update_buffers=True, priority=49),
    dict(type='Diary', path='diary.jsonl', sleep=0.01),
    dict(type='EarlyStoppingHook', monitor='mean', rule='greater', min_delta=0.0, patience=2),
    dict(type='SyncBuffersHook'),
    dict(type='mmdet.MeanTeacherHook', momentum=0.1),
    dict(
        type='mmdet.PipelineSwitchHook',
        switch_epoch=2,
        switch_pipeline=[dict(type='Shift', by=0.3)],
    ),
    dict(type='mmdet.YOLOXModeSwitchHook', num_last_epochs=5),
    dict(
        type='mmpretrain.SwitchRecipeHook',
        schedule=[
            dict(action_epoch=2, batch_augments=dict(augments=dict(type='Mixup', alpha=0.8))),
            dict(action_epoch=4, batch_augments=None),
        ],
    ),
    dict(
        type='mmpretrain.WarmupParamHook',
        param_name='strength',
        module_name='bbox_head',
        warmup_epochs=3,
    ),
    dict(type='mmpretrain.PreciseBNHook', num_samples=16),
    dict(type='Counts'),
    dict(type='OwnAverage'),
    dict(type='SaysItself'),
]
