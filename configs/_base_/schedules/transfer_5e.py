# 5 epochs of batch 64 from a classifier's backbone, Muon 2e-3; else Imagenette's schedule (all
# assumed).
_base_ = './imagenette.py'

epochs = 5
train_cfg = dict(max_epochs=epochs)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
    dict(type='CosineAnnealingLR', end=epochs, eta_min=1e-6, convert_to_iter_based=True),
]
optim_wrapper = dict(optimizer=dict(lr=2e-3))
auto_scale_lr = dict(base_batch_size=64)
