# Multi-scale training for the longer schedules: shorter side 480 to 800, half of the pictures
# cropped from an enlarged copy first.
_base_ = ['./coco_instance.py', './coco_crops.py']

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='RandomFlip', prob=0.5),
    _base_.crops,
    dict(type='PackDetInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
