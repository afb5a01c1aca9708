# COCO 2017 panoptic, training with large-scale jitter to 1024x1024; instances are evaluated too.
# The folder is $COCO_ROOT, else data/coco/ below the working directory.
_base_ = './objects.py'

data_root = r"""{{$COCO_ROOT:data/coco/}}"""

segments = dict(type='LoadPanopticAnnotations', with_bbox=True, with_mask=True, with_seg=True)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    segments,
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomResize', scale=(1024, 1024), ratio_range=(0.1, 2.0), keep_ratio=True),
    dict(
        type='RandomCrop',
        crop_size=(1024, 1024),
        crop_type='absolute',
        recompute_bbox=True,
        allow_negative_crop=True,
    ),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(1333, 800), keep_ratio=True),
    segments,
    dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
    ),
]
train_dataloader = dict(
    batch_sampler=dict(type='AspectRatioBatchSampler'),
    dataset=dict(
        type='CocoPanopticDataset',
        data_root=data_root,
        ann_file='annotations/panoptic_train2017.json',
        data_prefix=dict(img='train2017/', seg='annotations/panoptic_train2017/'),
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        type='CocoPanopticDataset',
        data_root=data_root,
        ann_file='annotations/panoptic_val2017.json',
        data_prefix=dict(img='val2017/', seg='annotations/panoptic_val2017/'),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = [
    dict(
        type='CocoPanopticMetric',
        ann_file=data_root + '/annotations/panoptic_val2017.json',
        seg_prefix=data_root + '/annotations/panoptic_val2017/',
    ),
    dict(
        type='CocoMetric',
        ann_file=data_root + '/annotations/instances_val2017.json',
        metric=['bbox', 'segm'],
    ),
]
test_evaluator = val_evaluator
