# LVIS v1 at 640 to 800 px, pictures of rare classes repeated (repeat-factor sampling, threshold
# 1e-3). The folder is $LVIS_ROOT, else data/lvis_v1/ below the working directory: the annotations
# beside COCO's train2017/ and val2017/, of which both splits use both. Needs the package lvis:
# pip install 'heracles-mm[lvis]'.
_base_ = './coco_instance.py'
data_root = r"""{{$LVIS_ROOT:data/lvis_v1/}}"""

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(
        type='RandomChoiceResize',
        scales=[(1333, side) for side in range(640, 801, 32)],
        keep_ratio=True,
    ),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ClassBalancedDataset',
        oversample_thr=1e-3,
        dataset=dict(
            type='LVISV1Dataset',
            data_root=data_root,
            ann_file='annotations/lvis_v1_train.json',
            data_prefix=dict(img=''),
            filter_cfg=dict(filter_empty_gt=True, min_size=32),
            pipeline=train_pipeline,
        ),
    )
)
val_dataloader = dict(
    dataset=dict(
        type='LVISV1Dataset',
        data_root=data_root,
        ann_file='annotations/lvis_v1_val.json',
        data_prefix=dict(img=''),
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(type='LVISMetric', ann_file=data_root + '/annotations/lvis_v1_val.json')
test_evaluator = val_evaluator
