# As configs/upernet_heracles_nano_camvid.py, with the backbone of $PEER.
_base_ = [
    './backbones.py',
    '../../configs/_base_/models/upernet_nano_camvid.py',
    '../../configs/_base_/datasets/camvid.py',
    '../../configs/_base_/schedules/camvid.py',
]

custom_imports = dict(imports=[*_base_.custom_imports.imports, 'mmpretrain.models'])
model = dict(
    backbone=dict(_base_.backbone, **_base_.maps),
    decode_head=dict(in_channels=_base_.channels),
    auxiliary_head=dict(in_channels=_base_.channels[2]),
)
