# 40k iterations of 16 pictures (8 GPUs x 2), AdamW 6e-5: the length of mmseg's UperNet on VOC 2012
# with the optimizer of comparable backbones on ADE20K.
_base_ = './ade20k_160k.py'

max_iters = 40_000
train_cfg = dict(max_iters=max_iters, val_interval=4_000)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=1500),
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=1500, end=max_iters),
]
default_hooks = dict(checkpoint=dict(interval=4_000))
