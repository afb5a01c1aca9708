# Classifier, Heracles-nano, Imagenette, 80 epochs, batch 32, Muon 3e-3, gradient clip 1.0: as 20
# epochs but for the length.
_base_ = './heracles_nano_imagenette.py'

epochs = 80
train_cfg = dict(max_epochs=epochs)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
    dict(type='CosineAnnealingLR', end=epochs, eta_min=1e-6, convert_to_iter_based=True),
]
last_quarter = dict(action_epoch=61, train_pipeline=_base_.last_pipeline)
custom_hooks = [*_base_.hooks, dict(type='SwitchRecipeHook', schedule=[last_quarter])]
