# RTMDet-Ins' training at 640x640: mosaics of four pictures mixed with others, without either in the
# last epochs (`last_pipeline`, switched to by the schedule); padded to 640x640 for testing.
_base_ = './coco_instance.py'

grey = dict(img=(114, 114, 114))
masks = dict(type='LoadAnnotations', with_bbox=True, with_mask=True, poly2mask=False)
crop = dict(type='RandomCrop', crop_size=(640, 640), recompute_bbox=True, allow_negative_crop=True)
pad = dict(type='Pad', size=(640, 640), pad_val=grey)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    masks,
    dict(type='CachedMosaic', img_scale=(640, 640), pad_val=114.0),
    dict(type='RandomResize', scale=(1280, 1280), ratio_range=(0.1, 2.0), keep_ratio=True),
    crop,
    dict(type='YOLOXHSVRandomAug'),
    dict(type='RandomFlip', prob=0.5),
    pad,
    dict(
        type='CachedMixUp',
        img_scale=(640, 640),
        ratio_range=(1.0, 1.0),
        max_cached_images=20,
        pad_val=(114, 114, 114),
    ),
    dict(type='FilterAnnotations', min_gt_bbox_wh=(1, 1)),
    dict(type='PackDetInputs'),
]
last_pipeline = [
    dict(type='LoadImageFromFile'),
    masks,
    dict(type='RandomResize', scale=(640, 640), ratio_range=(0.1, 2.0), keep_ratio=True),
    crop,
    dict(type='FilterAnnotations', min_gt_bbox_wh=(1, 1)),
    dict(type='YOLOXHSVRandomAug'),
    dict(type='RandomFlip', prob=0.5),
    pad,
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(640, 640), keep_ratio=True),
    pad,
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
    ),
]
train_dataloader = dict(
    batch_size=32,
    num_workers=10,
    batch_sampler=None,  # all pictures are squares
    dataset=dict(pipeline=train_pipeline),
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
