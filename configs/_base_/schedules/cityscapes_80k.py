# 80k iterations of 8 pictures (4 GPUs x 2), AdamW 6e-5: the length of mmseg's UperNet on Cityscapes
# with the optimizer of comparable backbones on ADE20K, which SegFormer (arXiv:2105.15203) has on
# Cityscapes too.
_base_ = './ade20k_160k.py'

max_iters = 80_000
train_cfg = dict(max_iters=max_iters, val_interval=8_000)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=1500),
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=1500, end=max_iters),
]
default_hooks = dict(checkpoint=dict(interval=8_000))
auto_scale_lr = dict(base_batch_size=8)
