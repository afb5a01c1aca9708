# Windows of a CSV: $LOOK_BACK rows (96) and the $HORIZON rows after them (96), one row a step.
default_scope = 'mmengine'
look_back, horizon = int('{{$LOOK_BACK:96}}'), int('{{$HORIZON:96}}')

windows = dict(type='SeriesDataset', look_back=look_back, horizon=horizon)
collate = dict(type='default_collate')
train_dataloader = dict(
    batch_size=32,  # windows, each of all columns
    num_workers=0,  # a window is a slice: a worker costs more than it saves
    collate_fn=collate,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(part='train', **windows),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=0,
    collate_fn=collate,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(part='val', **windows),
)
test_dataloader = dict(
    batch_size=256,
    num_workers=0,
    collate_fn=collate,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(part='test', **windows),
)
val_evaluator = dict(type='ForecastMetric')
test_evaluator = val_evaluator
