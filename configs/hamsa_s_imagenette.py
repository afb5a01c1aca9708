# Classifier, HAMSA-S, Imagenette, 80 epochs, batch 128, Muon 3e-3, gradient clip 1.0: from random
# weights at 128 px, for one GPU (the recipe is assumed).
_base_ = './hamsa_nano_imagenette_80e.py'

model = dict(
    backbone=dict(arch='s', drop_path_rate=0.1),
    head=dict(in_channels=448),
)
train_dataloader = dict(batch_size=128, num_workers=8)
optim_wrapper = dict(optimizer=dict(lr=3e-3))
auto_scale_lr = dict(base_batch_size=128)
