# As configs/mask_rcnn_heracles_nano_pennfudan.py, with the backbone of $PEER.
_base_ = [
    './backbones.py',
    '../../configs/_base_/models/mask_rcnn_nano_pedestrians.py',
    '../../configs/_base_/datasets/penn_fudan.py',
    '../../configs/_base_/schedules/penn_fudan.py',
]

custom_imports = dict(imports=[*_base_.custom_imports.imports, 'mmpretrain.models'])
model = dict(backbone=dict(_base_.backbone, **_base_.maps), neck=dict(in_channels=_base_.channels))
