# As configs/heracles_nano_imagenette_5e.py, with the backbone of $PEER.
_base_ = './imagenette.py'

epochs = 5
train_cfg = dict(max_epochs=epochs)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
    dict(type='CosineAnnealingLR', end=epochs, eta_min=1e-6, convert_to_iter_based=True),
]
custom_hooks = _base_.hooks
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline_5e))
