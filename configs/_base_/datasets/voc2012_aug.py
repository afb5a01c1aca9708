# Pascal VOC 2012 segmentation, 21 classes, crops of 512 for training, the short side 512 for
# testing: trained on train.txt (1464 pictures) and aug.txt (SBD's maps of 9118 more, docs/data.md),
# measured on val.txt. The folder is $VOC_ROOT, else data/VOCdevkit/ below the working directory;
# the data are in its VOC2012/.
_base_ = './label_maps.py'

data_root = r"""{{$VOC_ROOT:data/VOCdevkit/}}"""

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
pictures, lists = 'VOC2012/JPEGImages', 'VOC2012/ImageSets/Segmentation'
train_dataloader = dict(
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(
                type='PascalVOCDataset',
                data_root=data_root,
                ann_file=f'{lists}/train.txt',
                data_prefix=dict(img_path=pictures, seg_map_path='VOC2012/SegmentationClass'),
                pipeline=train_pipeline,
            ),
            dict(
                type='PascalVOCDataset',
                data_root=data_root,
                ann_file=f'{lists}/aug.txt',
                data_prefix=dict(img_path=pictures, seg_map_path='VOC2012/SegmentationClassAug'),
                pipeline=train_pipeline,
            ),
        ],
    ),
)
val_dataloader = dict(
    dataset=dict(
        type='PascalVOCDataset',
        data_root=data_root,
        ann_file=f'{lists}/val.txt',
        data_prefix=dict(img_path=pictures, seg_map_path='VOC2012/SegmentationClass'),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
