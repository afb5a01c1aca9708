# Classifier, HAMSA-S, ImageNet-1k, 310 epochs, batch 1024, AdamW 1e-3 (assumed: Heracles' recipe,
# the paper gives none). Published top-1: 83.0.
_base_ = [
    './_base_/models/classifier.py',
    './_base_/datasets/imagenet.py',
    './_base_/schedules/imagenet_310e.py',
]

model = dict(
    backbone=dict(type='Hamsa', arch='s', drop_path_rate=0.1),
    neck=dict(type='ClassSpectralBlock', in_channels=448),
    head=dict(in_channels=448),
)
