# The embedded scenes as label maps of 9 classes: synthetic layout, real pixels, made on first use.
# No path to set. Ids: 0 top, 1 trouser, 2 dress, 3 shoe, 4 bag, 5 brick, 6 grass, 7 gravel,
# 8 photo.
default_scope = 'mmseg'

test_pipeline = [  # under this name mmseg's inference_model looks for it
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=0,  # a worker takes more from two cores than loading costs
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='ScenesSegDataset',
        split='train',
        num_train=1600,
        num_val=120,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs'),
        ],
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ScenesSegDataset',
        split='val',
        num_train=1600,
        num_val=120,
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='FloorIoUMetric', classwise=True)
test_evaluator = val_evaluator

# `--tta`: three sizes, each also mirrored.
tta_model = dict(type='SegTTAModel')
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale=(120, 120), keep_ratio=True),
                dict(type='Resize', scale=(160, 160), keep_ratio=True),
                dict(type='Resize', scale=(200, 200), keep_ratio=True),
            ],
            [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs')],
        ],
    ),
]

vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='NamedSegLocalVisualizer', vis_backends=vis_backends)
