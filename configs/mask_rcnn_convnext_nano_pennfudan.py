# Mask R-CNN, ConvNeXt-nano, Penn-Fudan, 600 iterations, batch 4, Muon 2e-3, gradient clip 1.0: a
# peer under the same recipe, the backbone of convnext_nano_imagenette.py.
# From random weights; with a classifier checkpoint of your own, add
#   --cfg-options model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.prefix=backbone. \
#     model.backbone.init_cfg.checkpoint=PATH
_base_ = [
    './_base_/models/mask_rcnn_nano_pedestrians.py',
    './_base_/datasets/penn_fudan.py',
    './_base_/schedules/penn_fudan.py',
]

custom_imports = dict(imports=[*_base_.custom_imports.imports, 'mmpretrain.models'])
model = dict(
    backbone=dict(
        type='mmpretrain.ConvNeXt',
        arch=dict(depths=[2, 2, 8, 2], channels=[40, 80, 136, 200]),
        out_indices=[0, 1, 2, 3],
        gap_before_final_norm=False,
        drop_path_rate=0.0,
    ),
    neck=dict(in_channels=[40, 80, 136, 200]),
)
