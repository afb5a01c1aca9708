"""Two steps of two pictures on the CPU."""

train_cfg = dict(type='IterBasedTrainLoop', max_iters=2, val_interval=2)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3))
log_processor = dict(by_epoch=False)
randomness = dict(seed=0)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=1))
