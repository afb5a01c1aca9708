# Token-label classifier, HAMSA-B, ImageNet-1k, 310 epochs, batch 1024, AdamW 1e-3 (assumed:
# Heracles' recipe, the paper gives none). Published top-1: 84.9.
_base_ = [
    './_base_/models/token_label_classifier.py',
    './_base_/datasets/imagenet_tokenlabel.py',
    './_base_/schedules/imagenet_tokenlabel_310e.py',
]

model = dict(
    backbone=dict(type='Hamsa', arch='b', drop_path_rate=0.1),
    neck=dict(type='ClassSpectralBlock', in_channels=512),
    head=dict(in_channels=512),
)
