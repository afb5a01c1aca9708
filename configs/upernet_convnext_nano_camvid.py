# UperNet, ConvNeXt-nano, CamVid, 1k iterations, batch 8, Muon 2e-3, gradient clip 1.0: a peer
# under the same recipe, the backbone of convnext_nano_imagenette.py.
# From random weights; with a classifier checkpoint of your own, add
#   --cfg-options model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.prefix=backbone. \
#     model.backbone.init_cfg.checkpoint=PATH
_base_ = [
    './_base_/models/upernet_nano_camvid.py',
    './_base_/datasets/camvid.py',
    './_base_/schedules/camvid.py',
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
    decode_head=dict(in_channels=[40, 80, 136, 200]),
    auxiliary_head=dict(in_channels=136),
)
