# Mask R-CNN, Heracles-L, COCO, 12 epochs, batch 16, AdamW 1e-4, gradient clip 1.0 as in the
# published classification recipe of L.
_base_ = './mask_rcnn_heracles_s_coco.py'

model = dict(
    backbone=dict(arch='l', drop_path_rate=0.3),
    neck=dict(in_channels=[96, 192, 384, 512]),
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0, norm_type=2))
