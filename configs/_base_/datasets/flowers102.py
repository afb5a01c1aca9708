# Flowers-102: 2040 pictures to train on (its train and val), 6149 to test on. The folder that holds
# jpg/, imagelabels.mat and setid.mat is $FLOWERS102_ROOT, else data/flowers102/.
_base_ = './finetune.py'

data_root = r"""{{$FLOWERS102_ROOT:data/flowers102/}}"""
load = dict(type='LoadImageFromFile')
train_224, train_384 = [load, *_base_.train_224], [load, *_base_.train_384]
test_224, test_384 = [load, *_base_.test_224], [load, *_base_.test_384]

train_dataloader = dict(
    dataset=dict(type='Flowers102', data_root=data_root, split='trainval', pipeline=train_224),
)
val_dataloader = dict(
    dataset=dict(type='Flowers102', data_root=data_root, split='test', pipeline=test_224),
)
test_dataloader = val_dataloader
