"""A small Mask R-CNN whose pictures are tested at 96x64 px."""

_base_ = ['../../export/configs/detector.py', 'wide_pictures.py']

val_dataloader = dict(dataset=dict(pipeline=_base_.pipeline))
test_dataloader = val_dataloader
