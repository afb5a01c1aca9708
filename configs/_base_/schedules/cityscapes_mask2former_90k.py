# 90k iterations, otherwise as on ADE20K.
_base_ = './ade20k_mask2former_160k.py'

max_iters = 90_000
train_cfg = dict(max_iters=max_iters)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False, begin=0, end=max_iters),
]
