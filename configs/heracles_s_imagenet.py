# Classifier, Heracles-S, ImageNet-1k, 310 epochs, batch 1024, AdamW 1e-3; without token labels. The
# published top-1, 84.5, was trained with them: heracles_s_tokenlabel_imagenet.py.
_base_ = [
    './_base_/models/classifier.py',
    './_base_/datasets/imagenet.py',
    './_base_/schedules/imagenet_310e.py',
]

model = dict(
    backbone=dict(type='Heracles', arch='s', spectral_stages=1, drop_path_rate=0.1),
    neck=dict(type='ClassAttentionBlock', in_channels=448),
    head=dict(in_channels=448),
)
