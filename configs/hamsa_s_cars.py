# Classifier, HAMSA-S, Stanford Cars at 224 px, 100 epochs, batch 128, AdamW 1e-4, fine-tuned from
# the classifier in $PRETRAINED. Published accuracy after the paper's own pretraining: 93.4.
_base_ = [
    './_base_/models/classifier.py',
    './_base_/datasets/cars.py',
    './_base_/schedules/finetune_100e.py',
]

model = dict(
    data_preprocessor=dict(num_classes=196),
    backbone=dict(type='Hamsa', arch='s', drop_path_rate=0.1),
    neck=dict(type='ClassSpectralBlock', in_channels=448),
    head=dict(num_classes=196, in_channels=448),
)
