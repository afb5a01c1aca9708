# CIFAR-10 at 128 px from folders of classes, train/<class>/ and test/<class>/, as fast.ai
# distributes it (docs/public_data.md); else as Imagenette. They are in $CIFAR10_FOLDERS, else
# data/cifar10_folders/.
_base_ = './imagenette.py'
data_root = r"""{{$CIFAR10_FOLDERS:data/cifar10_folders/}}"""

classes = [
    'airplane',
    'automobile',
    'bird',
    'cat',
    'deer',
    'dog',
    'frog',
    'horse',
    'ship',
    'truck',
]
flip, pack = _base_.flip_and_erase[0], _base_.flip_and_erase[-1]
found = dict(data_root=data_root, metainfo=dict(classes=classes))
train_dataloader = dict(
    batch_size=64,
    dataset=dict(
        found,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='RandomCrop', crop_size=32, padding=4),
            flip,
            dict(type='Resize', scale=_base_.side),
            pack,
        ],
    ),
)
val_dataloader = dict(
    batch_size=200,
    dataset=dict(
        found,
        data_prefix='test',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=_base_.side),
            pack,
        ],
    ),
)
test_dataloader = val_dataloader
