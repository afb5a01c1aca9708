"""An FCN head on a ResNet-18 of an eighth of its width."""

_base_ = 'runtime.py'
default_scope = 'mmseg'
pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(64, 64)),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
dataset = dict(
    type='BaseSegDataset',
    data_root='{{$TINY_DATA:data/tiny/}}',
    data_prefix=dict(img_path='images', seg_map_path='maps'),
    img_suffix='.png',
    metainfo=dict(classes=('ground', 'square'), palette=[[0, 0, 0], [255, 255, 255]]),
    pipeline=pipeline,
)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dataset,
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='ConcatDataset', datasets=[dataset]),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dataset,
)
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(type='SegDataPreProcessor', mean=[127], std=[64], size=(64, 64)),
    backbone=dict(type='ResNet', depth=18, base_channels=8),
    decode_head=dict(
        type='FCNHead',
        in_channels=64,
        channels=16,
        in_index=3,
        num_convs=1,
        concat_input=False,
        num_classes=2,
    ),
    test_cfg=dict(mode='whole'),
)
default_hooks = dict(visualization=dict(type='SegVisualizationHook'))
visualizer = dict(type='SegLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')])
tta_model = dict(type='SegTTAModel')
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [dict(type='Resize', scale=(64, 64))],
            [dict(type='RandomFlip', prob=1.0), dict(type='RandomFlip', prob=0.0)],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs')],
        ],
    ),
]
