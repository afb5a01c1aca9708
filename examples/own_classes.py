_base_ = '../configs/heracles_nano_pictures.py'  # the path from this file

# Your data: the folder, and the names of the class folders.
data_root = 'data/folders/'
classes = ('disc', 'square')
side = 128  # px: the model sees squares of it
batch = 16

mine = dict(_delete_=True, type='CustomDataset', data_root=data_root, classes=classes)
train_dataloader = dict(
    batch_size=batch,
    drop_last=False,  # every picture counts where there are few
    dataset=dict(
        **mine,
        data_prefix='train',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='RandomResizedCrop', scale=side, crop_ratio_range=(0.35, 1.0)),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackInputs'),
        ],
    ),
)
val_dataloader = dict(
    dataset=dict(
        **mine,
        data_prefix='val',
        test_mode=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='ResizeEdge', scale=side, edge='short'),
            dict(type='CenterCrop', crop_size=side),
            dict(type='PackInputs'),
        ],
    ),
)
test_dataloader = val_dataloader

model = dict(
    data_preprocessor=dict(num_classes=len(classes)),
    backbone=dict(img_size=side),
    head=dict(num_classes=len(classes)),
)

# How long. Without this part it trains as long as the base does.
epochs = 20
train_cfg = dict(max_epochs=epochs)
by_step = dict(convert_to_iter_based=True)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, end=2, **by_step),
    dict(type='CosineAnnealingLR', begin=2, end=epochs, **by_step),
]
default_hooks = dict(checkpoint=dict(interval=epochs))
