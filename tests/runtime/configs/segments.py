"""A small UperNet with bounded attention, whose pictures are tested with a short side of 48 px."""

_base_ = '../../export/configs/segmentor.py'

model = dict(backbone=dict(kv_grid=2))
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(192, 48), keep_ratio=True),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
