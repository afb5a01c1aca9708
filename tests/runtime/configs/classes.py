"""A small classifier of files, resized as ImageNet's."""

_base_ = '../../export/configs/classifier.py'

pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=72, edge='short', backend='pillow', interpolation='bicubic'),
    dict(type='CenterCrop', crop_size=64),
    dict(type='PackInputs'),
]
val_dataloader = dict(dataset=dict(pipeline=pipeline))
test_dataloader = val_dataloader
