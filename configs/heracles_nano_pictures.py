# Classifier, Heracles-nano, a folder of pictures, 10 epochs, batch 16, AdamW 1e-3, gradient clip
# 5.0: mean pooling and one linear layer, so that its class scores at every position are exact label
# maps (docs/token_labels.md). Minutes on two CPU cores.
_base_ = ['./_base_/datasets/pictures.py', './_base_/schedules/parts.py']

model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(
        num_classes=9,
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    backbone=dict(
        type='Heracles',
        arch='nano',
        spectral_stages=2,
        img_size=96,
        out_indices=(3,),
        drop_path_rate=0.0,
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=9,
        in_channels=192,
        loss=dict(type='CrossEntropyLoss'),
        topk=(1,),
    ),
)
