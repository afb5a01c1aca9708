# Imagenette at 128 px: ten classes of ImageNet in train/ and val/, a folder per class. The folder
# is $IMAGENETTE_ROOT, else data/imagenette/ below the working directory. The crops and flips of
# `last_pipeline` show objects at about their size in the pictures of val.
default_scope = 'mmpretrain'
data_root = r"""{{$IMAGENETTE_ROOT:data/imagenette/}}"""

classes = [  # of the folders n01440764, n02102040 and so on, in alphabetical order
    'tench',
    'English springer',
    'cassette player',
    'chain saw',
    'church',
    'French horn',
    'garbage truck',
    'gas pump',
    'golf ball',
    'parachute',
]
side = 128
flip_and_erase = [
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='RandomErasing',
        erase_prob=0.1,
        mode='rand',
        min_area_ratio=0.02,
        max_area_ratio=0.2,
        fill_color=[103.53, 116.28, 123.675],
        fill_std=[57.375, 57.12, 58.395],
    ),
    dict(type='PackInputs'),
]
train_pipeline_5e = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=side, crop_ratio_range=(0.35, 1.0)),
    *flip_and_erase,
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=side, crop_ratio_range=(0.25, 1.0)),
    dict(
        type='RandAugment',
        policies='timm_increasing',
        num_policies=2,
        magnitude_level=6,
        magnitude_std=0.5,
        hparams=dict(pad_val=[104, 116, 124], interpolation='bicubic'),
    ),
    *flip_and_erase,
]
last_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=side, crop_ratio_range=(0.6, 1.0)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackInputs'),
]
# mmpretrain's own tools add it; with it the config runs without them too.
collate = dict(type='default_collate')
train_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    collate_fn=collate,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='CustomDataset',
        data_root=data_root,
        data_prefix='train',
        metainfo=dict(classes=classes),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=100,
    num_workers=2,
    persistent_workers=True,
    collate_fn=collate,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CustomDataset',
        data_root=data_root,
        data_prefix='val',
        metainfo=dict(classes=classes),
        test_mode=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='ResizeEdge', scale=144, edge='short'),
            dict(type='CenterCrop', crop_size=side),
            dict(type='PackInputs'),
        ],
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='Accuracy', topk=(1,))
test_evaluator = val_evaluator

vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='NamedUniversalVisualizer', vis_backends=vis_backends)
