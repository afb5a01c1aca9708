# Token-label classifier, HAMSA-L, ImageNet-1k, 310 epochs, batch 1024, AdamW 1e-3, gradient clip
# 1.0 (assumed: Heracles' recipe, the paper gives none). Published top-1: 85.7.
_base_ = [
    './_base_/models/token_label_classifier.py',
    './_base_/datasets/imagenet_tokenlabel.py',
    './_base_/schedules/imagenet_tokenlabel_310e.py',
]

model = dict(
    backbone=dict(type='Hamsa', arch='l', drop_path_rate=0.3),
    neck=dict(type='ClassSpectralBlock', in_channels=512),
    head=dict(in_channels=512),
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))
