# Mask R-CNN, HAMSA-B, COCO, 12 epochs, batch 16, AdamW 1e-4.
_base_ = './mask_rcnn_hamsa_s_coco.py'

model = dict(
    backbone=dict(arch='b', drop_path_rate=0.2),
    neck=dict(in_channels=[64, 128, 320, 512]),
)
