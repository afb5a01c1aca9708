# Classifier, Heracles-S, Flowers-102 at 224 px, 100 epochs, batch 128, AdamW 1e-4, fine-tuned from
# the classifier in $PRETRAINED.
_base_ = [
    './_base_/models/classifier.py',
    './_base_/datasets/flowers102.py',
    './_base_/schedules/finetune_100e.py',
]

model = dict(
    data_preprocessor=dict(num_classes=102),
    backbone=dict(type='Heracles', arch='s', spectral_stages=1, drop_path_rate=0.1),
    neck=dict(type='ClassAttentionBlock', in_channels=448),
    head=dict(num_classes=102, in_channels=448),
)
