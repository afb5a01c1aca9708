"""A small Mask2Former for label maps, whose pictures are tested with a short side of 48 px."""

_base_ = '../../export/configs/mask2former_semantic.py'

model = dict(decode_head=dict(transformer_decoder=dict(num_layers=1)))
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(192, 48), keep_ratio=True),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
