# As configs/heracles_nano_cifar10.py, with the backbone of $PEER.
_base_ = [
    './backbones.py',
    '../../configs/_base_/models/pooled_classifier.py',
    '../../configs/_base_/datasets/cifar10_folders.py',
    '../../configs/_base_/schedules/transfer_5e.py',
]

model = dict(backbone=_base_.backbone, head=dict(in_channels=_base_.channels[-1]))
if _base_.pools:
    model['neck'] = None
