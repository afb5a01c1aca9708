# CIFAR-100, in RGB: 50000 pictures of 32x32 to train on, 10000 to test on. The folder that holds
# cifar-100-python/ is $CIFAR100_ROOT, else data/cifar100/; mmpretrain downloads what is not there.
_base_ = './finetune.py'

data_root = r"""{{$CIFAR100_ROOT:data/cifar100/}}"""
train_dataloader = dict(
    dataset=dict(type='CIFAR100', data_root=data_root, split='train', pipeline=_base_.train_224),
)
val_dataloader = dict(
    dataset=dict(type='CIFAR100', data_root=data_root, split='test', pipeline=_base_.test_224),
)
test_dataloader = val_dataloader
