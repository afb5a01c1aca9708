# Imagenette at 64 px, 5 epochs: else data and schedule of configs/*_nano_imagenette_5e.py.
_base_ = [
    '../../configs/_base_/models/pooled_classifier.py',
    '../../configs/_base_/datasets/imagenette.py',
    '../../configs/_base_/schedules/imagenette.py',
]

custom_imports = dict(
    imports=[*_base_.custom_imports.imports, 'benchmarks.ablated.backbones'],
)
epochs, side = 5, 64
train_cfg = dict(max_epochs=epochs)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
    dict(type='CosineAnnealingLR', end=epochs, eta_min=1e-6, convert_to_iter_based=True),
]
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='RandomResizedCrop', scale=side, crop_ratio_range=(0.35, 1.0)),
            *_base_.flip_and_erase,
        ]
    )
)
val_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='ResizeEdge', scale=side * 9 // 8, edge='short'),
            dict(type='CenterCrop', crop_size=side),
            dict(type='PackInputs'),
        ]
    )
)
test_dataloader = val_dataloader
