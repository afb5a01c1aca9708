# Classifier, ConvNeXt-nano-wide, Imagenette, 5 epochs, batch 32, AdamW 1e-3, gradient clip 1.0: as
# 20 epochs but for the length.
_base_ = './convnext_nano_wide_imagenette.py'

epochs = 5
train_cfg = dict(max_epochs=epochs)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, end=1, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=1, end=epochs, eta_min=1e-6, convert_to_iter_based=True),
]
