"""A small DINO whose pictures are tested at 96x64 px."""

_base_ = ['../../export/configs/dino.py', 'wide_pictures.py']

model = dict(
    data_preprocessor=dict(pad_size_divisor=32),  # that mmdet pads too
    decoder=dict(num_layers=1),
)
val_dataloader = dict(dataset=dict(pipeline=_base_.pipeline))
test_dataloader = val_dataloader
