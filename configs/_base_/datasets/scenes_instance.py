# The embedded scenes: synthetic layout, real pixels, made on first use. No path to set.
default_scope = 'mmdet'

train_dataloader = dict(
    batch_size=8,
    num_workers=0,  # a worker takes more from two cores than loading costs
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='ScenesDataset',
        split='train',
        num_train=1600,
        num_val=120,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackDetInputs'),
        ],
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ScenesDataset',
        split='val',
        num_train=1600,
        num_val=120,
        test_mode=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(160, 160), keep_ratio=True),
            dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
            dict(
                type='PackDetInputs',
                meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
            ),
        ],
    ),
)
test_dataloader = val_dataloader

val_evaluator = [dict(type='ScenesMetric'), dict(type='FilledBoxMetric')]
test_evaluator = val_evaluator

vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='NamedDetLocalVisualizer', vis_backends=vis_backends)
