# UperNet, HAMSA-L, ADE20K, 160k iterations, batch 16, AdamW 6e-5, gradient clip 1.0 as in Heracles'
# published classification recipe of L.
_base_ = './upernet_hamsa_s_ade20k.py'

model = dict(
    backbone=dict(arch='l', drop_path_rate=0.3),
    decode_head=dict(in_channels=[96, 192, 384, 512]),
    auxiliary_head=dict(in_channels=384),
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0, norm_type=2))
