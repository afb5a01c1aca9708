# Classifier, HAMSA-nano, the embedded product photos, 10 epochs, batch 32, AdamW 1e-3, gradient
# clip 5.0: to pretrain in minutes on two CPU cores.
_base_ = [
    './_base_/models/classifier.py',
    './_base_/datasets/parts.py',
    './_base_/schedules/parts.py',
]

model = dict(
    data_preprocessor=dict(num_classes=10),
    backbone=dict(type='Hamsa', arch='nano', img_size=64, drop_path_rate=0.0),
    neck=dict(type='ClassSpectralBlock', in_channels=192, grid=(2, 2)),
    head=dict(num_classes=10, in_channels=192, loss=dict(_delete_=True, type='CrossEntropyLoss')),
    train_cfg=None,
)
