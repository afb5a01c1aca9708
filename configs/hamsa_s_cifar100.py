# Classifier, HAMSA-S, CIFAR-100 at 224 px, 100 epochs, batch 128, AdamW 1e-4, fine-tuned from the
# classifier in $PRETRAINED. Published accuracy after the paper's own pretraining: 89.2.
_base_ = [
    './_base_/models/classifier.py',
    './_base_/datasets/cifar100.py',
    './_base_/schedules/finetune_100e.py',
]

model = dict(
    data_preprocessor=dict(num_classes=100, to_rgb=False),  # the data set gives RGB
    backbone=dict(type='Hamsa', arch='s', drop_path_rate=0.1),
    neck=dict(type='ClassSpectralBlock', in_channels=448),
    head=dict(num_classes=100, in_channels=448),
)
