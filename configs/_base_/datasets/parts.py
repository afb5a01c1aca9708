# The embedded product photos, 28x28 enlarged to 64 px: ten classes, 2000 to train on and 500 to
# validate on. No path to set.
default_scope = 'mmpretrain'

# mmpretrain's own tools add it; with it the config runs without them too.
collate = dict(type='default_collate')
side = 64
train_dataloader = dict(
    batch_size=32,
    num_workers=0,  # a worker takes more from two cores than loading costs
    persistent_workers=False,  # mmpretrain's train.py would ask for them
    collate_fn=collate,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='PartsDataset',
        split='train',
        pipeline=[
            dict(type='Resize', scale=side),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackInputs'),
        ],
    ),
)
val_dataloader = dict(
    batch_size=100,
    num_workers=0,
    persistent_workers=False,
    collate_fn=collate,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='PartsDataset',
        split='val',
        test_mode=True,
        pipeline=[dict(type='Resize', scale=side), dict(type='PackInputs')],
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='Accuracy', topk=(1,))
test_evaluator = val_evaluator

vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='NamedUniversalVisualizer', vis_backends=vis_backends)
