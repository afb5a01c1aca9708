# The same pictures with label maps: $TOKEN_LABELS, else data/token_labels/ (docs/token_labels.md).
_base_ = './pictures.py'

train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadLabelMap', folder=r"""{{$TOKEN_LABELS:data/token_labels/}}"""),
            dict(type='LabelMapRandomResizedCrop', scale=_base_.side, crop_ratio_range=(0.25, 1.0)),
            dict(type='LabelMapRandomFlip', prob=0.5),
            dict(
                type='LabelMapRandAugment',
                policies='simple_increasing',
                num_policies=1,
                magnitude_level=5,
            ),
            dict(type='PackLabelMap'),
        ],
    ),
)
