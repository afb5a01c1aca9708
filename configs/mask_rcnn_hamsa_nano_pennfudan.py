# Mask R-CNN, HAMSA-nano, Penn-Fudan, 600 iterations, batch 4, Muon 2e-3, gradient clip 1.0.
# From random weights; with a classifier checkpoint of your own, such as that of
# hamsa_nano_imagenette.py, add
#   --cfg-options model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.prefix=backbone. \
#     model.backbone.init_cfg.checkpoint=PATH
_base_ = [
    './_base_/models/mask_rcnn_nano_pedestrians.py',
    './_base_/datasets/penn_fudan.py',
    './_base_/schedules/penn_fudan.py',
]

model = dict(
    backbone=dict(
        type='Hamsa',
        arch='nano',
        img_size=128,  # the classifier's: its filters and kernels are kept as they are
        drop_path_rate=0.0,
    ),
)
