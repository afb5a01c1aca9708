# ImageNet-1k with a label map beside every training picture, which goes through the same geometry.
# The folder of the maps is $TOKEN_LABELS, else data/token_labels/ (docs/token_labels.md).
_base_ = './imagenet.py'

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadLabelMap', folder=r"""{{$TOKEN_LABELS:data/token_labels/}}"""),
    dict(type='LabelMapRandomResizedCrop', scale=224, backend='pillow', interpolation='bicubic'),
    dict(type='LabelMapRandomFlip', prob=0.5),
    dict(
        type='LabelMapRandAugment',
        policies='timm_increasing',
        num_policies=2,
        magnitude_level=9,
        magnitude_std=0.5,
        hparams=dict(pad_val=[round(x) for x in _base_.bgr_mean], interpolation='bicubic'),
    ),
    dict(
        type='RandomErasing',
        erase_prob=0.25,
        mode='rand',
        min_area_ratio=0.02,
        max_area_ratio=1 / 3,
        fill_color=_base_.bgr_mean,
        fill_std=_base_.bgr_std,
    ),
    dict(type='PackLabelMap'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
