# A folder of pictures by class, train/ and val/, at 96 px: $PICTURES, else data/pictures/.
# heracles_mm.datasets.pictures.write_pictures makes one of the embedded pictures, 9 classes.
default_scope = 'mmpretrain'

# mmpretrain's own tools add it; with it the config runs without them too.
collate = dict(type='default_collate')
side = 96
data_root = r"""{{$PICTURES:data/pictures/}}"""
train_dataloader = dict(
    batch_size=16,
    num_workers=0,  # a worker takes more from two cores than loading costs
    persistent_workers=False,  # mmpretrain's train.py would ask for them
    collate_fn=collate,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='CustomDataset',
        data_root=data_root,
        data_prefix='train',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='RandomResizedCrop', scale=side, crop_ratio_range=(0.25, 1.0)),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackInputs'),
        ],
    ),
)
val_dataloader = dict(
    batch_size=30,
    num_workers=0,
    persistent_workers=False,
    collate_fn=collate,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CustomDataset',
        data_root=data_root,
        data_prefix='val',
        test_mode=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(side, side)),
            dict(type='PackInputs'),
        ],
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='Accuracy', topk=(1,))
test_evaluator = val_evaluator

vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='NamedUniversalVisualizer', vis_backends=vis_backends)
