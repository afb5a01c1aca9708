_base_ = '../configs/mask_rcnn_heracles_nano_scenes.py'  # the path from this file

# Your data: the folder, and the categories' names as they stand in the JSON files.
data_root = 'data/boxes/'
classes = ('disc', 'square')
side = 448  # px of the longer side of a picture, as the model sees it
batch = 4

load = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
]
resize = dict(scale=(side, side), keep_ratio=True)
mine = dict(
    _delete_=True,
    type='CocoDataset',
    data_root=data_root,
    metainfo=dict(classes=classes),
)
train_dataloader = dict(
    batch_size=batch,
    dataset=dict(
        **mine,
        ann_file='train.json',
        data_prefix=dict(img='train/'),
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=[
            *load,
            dict(type='RandomResize', ratio_range=(0.7, 1.4), **resize),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackDetInputs'),
        ],
    ),
)
val_dataloader = dict(
    batch_size=1,
    dataset=dict(
        **mine,
        ann_file='val.json',
        data_prefix=dict(img='val/'),
        test_mode=True,
        pipeline=[
            load[0],
            dict(type='Resize', **resize),
            load[1],  # after Resize: drawn and measured in the picture's own size
            dict(type='PackDetInputs'),
        ],
    ),
)
test_dataloader = val_dataloader
val_evaluator = [
    dict(
        type='CocoMetric',
        ann_file=data_root + 'val.json',
        metric=['bbox', 'segm'],
    ),
]
test_evaluator = val_evaluator

model = dict(
    backbone=dict(img_size=side),
    rpn_head=dict(anchor_generator=dict(scales=[8], ratios=[0.5, 1.0, 2.0])),
    roi_head=dict(
        bbox_head=dict(num_classes=len(classes)),
        mask_head=dict(num_classes=len(classes)),
    ),
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
