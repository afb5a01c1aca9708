_base_ = '../configs/upernet_heracles_nano_scenes.py'  # the path from this file

# Your data: the folder, and the names of the values 0, 1, 2 of the label maps.
data_root = 'data/maps/'
classes = ('ground', 'disc', 'square')
palette = [[90, 90, 90], [220, 60, 60], [60, 60, 220]]  # their colours in pictures, RGB
side = 320  # px: the model is trained on squares of it
batch = 4

mine = dict(
    _delete_=True,
    type='BaseSegDataset',
    data_root=data_root,
    img_suffix='.jpg',
    seg_map_suffix='.png',
    metainfo=dict(classes=classes, palette=palette),
)
resize = dict(scale=(4 * side, side), keep_ratio=True)  # the shorter becomes `side`
train_dataloader = dict(
    batch_size=batch,
    dataset=dict(
        **mine,
        data_prefix=dict(img_path='images/train', seg_map_path='labels/train'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='RandomResize', ratio_range=(0.7, 1.4), **resize),
            dict(type='RandomCrop', crop_size=(side, side), cat_max_ratio=0.75),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PhotoMetricDistortion'),
            dict(type='PackSegInputs'),
        ],
    ),
)
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', **resize),
    dict(type='LoadAnnotations'),  # after Resize: measured in the picture's own size
    dict(type='PackSegInputs'),
]
val_dataloader = dict(
    batch_size=1,
    dataset=dict(
        **mine,
        data_prefix=dict(img_path='images/val', seg_map_path='labels/val'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader

# The base weights its own classes in the loss: None counts every pixel alike.
heads = dict(num_classes=len(classes), loss_decode=dict(class_weight=None))
model = dict(
    data_preprocessor=dict(size=(side, side)),
    backbone=dict(img_size=side),
    decode_head=heads,
    auxiliary_head=heads,
)

# How long. Without this part it trains as long as the base does.
steps = 600
warmup = steps // 10
train_cfg = dict(max_iters=steps, val_interval=steps // 5)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, end=warmup),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=warmup, end=steps),
]
default_hooks = dict(checkpoint=dict(interval=steps // 5))
