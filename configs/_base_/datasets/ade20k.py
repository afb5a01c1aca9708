# ADE20K (SceneParse150), crops of 512 for training, the short side 512 for testing. The folder is
# $ADE20K_ROOT, else data/ade/ADEChallengeData2016/ below the working directory.
_base_ = './label_maps.py'

data_root = r"""{{$ADE20K_ROOT:data/ade/ADEChallengeData2016/}}"""

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=(512, 512), cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(2048, 512), keep_ratio=True),
    dict(type='LoadAnnotations'),  # after Resize: measured at the picture's own size
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    dataset=dict(
        type='ADE20KDataset',
        data_root=data_root,
        data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        type='ADE20KDataset',
        data_root=data_root,
        data_prefix=dict(img_path='images/validation', seg_map_path='annotations/validation'),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader

# `--tta`: six sizes, each also mirrored; the "multi-scale" of published results.
tta_model = dict(type='SegTTAModel')
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale=(1024, 256), keep_ratio=True),
                dict(type='Resize', scale=(1536, 384), keep_ratio=True),
                dict(type='Resize', scale=(2048, 512), keep_ratio=True),
                dict(type='Resize', scale=(2560, 640), keep_ratio=True),
                dict(type='Resize', scale=(3072, 768), keep_ratio=True),
                dict(type='Resize', scale=(3584, 896), keep_ratio=True),
            ],
            [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs')],
        ],
    ),
]
