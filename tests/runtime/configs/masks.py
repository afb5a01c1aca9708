"""A small Mask2Former whose pictures are tested at 96x64 px."""

_base_ = ['../../export/configs/mask2former.py', 'wide_pictures.py']

model = dict(panoptic_head=dict(transformer_decoder=dict(num_layers=1)))
val_dataloader = dict(dataset=dict(pipeline=_base_.pipeline))
test_dataloader = val_dataloader
