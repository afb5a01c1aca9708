# Classifier, Heracles-B, ImageNet-1k, 310 epochs, batch 1024, AdamW 1e-3; without token labels. The
# published top-1, 85.2, was trained with them: heracles_b_tokenlabel_imagenet.py.
_base_ = [
    './_base_/models/classifier.py',
    './_base_/datasets/imagenet.py',
    './_base_/schedules/imagenet_310e.py',
]

model = dict(
    backbone=dict(type='Heracles', arch='b', spectral_stages=1, drop_path_rate=0.1),
    neck=dict(type='ClassAttentionBlock', in_channels=512),
    head=dict(in_channels=512),
)
