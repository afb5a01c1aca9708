# UperNet, Heracles-B, ADE20K, 160k iterations, batch 16, AdamW 6e-5, crops of 512.
_base_ = './upernet_heracles_s_ade20k.py'

model = dict(
    backbone=dict(arch='b', drop_path_rate=0.2),
    decode_head=dict(in_channels=[64, 128, 320, 512]),
    auxiliary_head=dict(in_channels=320),
)
