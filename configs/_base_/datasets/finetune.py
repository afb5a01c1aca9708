# Augmentation for small data sets at 224 and 384 px (assumed: ImageNet's without random erasing). A
# data set adds how its pictures are read.
default_scope = 'mmpretrain'

resize = dict(backend='pillow', interpolation='bicubic')


def train(side):
    return [
        dict(type='RandomResizedCrop', scale=side, **resize),
        dict(type='RandomFlip', prob=0.5),
        dict(
            type='RandAugment',
            policies='timm_increasing',
            num_policies=2,
            magnitude_level=9,
            magnitude_std=0.5,
            hparams=dict(pad_val=[104, 116, 124], interpolation='bicubic'),
        ),
        dict(type='PackInputs'),
    ]


def test(side):
    return [
        dict(type='ResizeEdge', scale=int(side / 0.96), edge='short', **resize),
        dict(type='CenterCrop', crop_size=side),
        dict(type='PackInputs'),
    ]


train_224, test_224, train_384, test_384 = train(224), test(224), train(384), test(384)

# mmpretrain's own tools add it; with it the config runs without them too.
collate = dict(type='default_collate')
train_dataloader = dict(
    batch_size=128,
    num_workers=4,
    persistent_workers=True,
    collate_fn=collate,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=4,
    persistent_workers=True,
    collate_fn=collate,
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='Accuracy', topk=(1,))
test_evaluator = val_evaluator

vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='NamedUniversalVisualizer', vis_backends=vis_backends)
