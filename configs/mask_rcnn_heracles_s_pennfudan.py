# Mask R-CNN, Heracles-S, Penn-Fudan, 600 iterations, batch 4, Muon 1e-3, gradient clip 1.0: for a
# GPU.
# From random weights; with a classifier checkpoint of your own, such as that of
# heracles_s_imagenette.py, add
#   --cfg-options model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.prefix=backbone. \
#     model.backbone.init_cfg.checkpoint=PATH
_base_ = [
    './_base_/models/mask_rcnn_pedestrians.py',
    './_base_/datasets/penn_fudan.py',
    './_base_/schedules/penn_fudan.py',
]

model = dict(
    backbone=dict(
        type='Heracles',
        arch='s',
        spectral_stages=1,
        kv_grid=28,  # ours, for large pictures: docs/heracles.md
        img_size=128,  # the classifier's: its filters and kernels are kept as they are
        drop_path_rate=0.1,
    ),
    neck=dict(in_channels=[64, 128, 320, 448]),
)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
