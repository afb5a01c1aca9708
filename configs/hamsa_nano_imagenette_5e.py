# Classifier, HAMSA-nano, Imagenette, 5 epochs, batch 32, Muon 3e-3, gradient clip 1.0: as 20
# epochs but for the length and lighter augmentation.
_base_ = './hamsa_nano_imagenette.py'

epochs = 5
train_cfg = dict(max_epochs=epochs)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
    dict(type='CosineAnnealingLR', end=epochs, eta_min=1e-6, convert_to_iter_based=True),
]
custom_hooks = _base_.hooks
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline_5e))
