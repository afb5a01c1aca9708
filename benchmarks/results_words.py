"""What docs/results.md calls models, measures and tasks, and what it says of each task."""

from typing import NamedTuple

MODELS = {
    'heracles_nano': 'Heracles-nano',
    'hamsa_nano': 'HAMSA-nano',
    **{
        f'{kind}_nano{wide}': f"{name} of {family}-nano's size"
        for wide, family in (('', 'Heracles'), ('_wide', 'HAMSA'))
        for kind, name in (('convnext', 'ConvNeXt'), ('swin', 'Swin'), ('resnet', 'ResNet'))
    },
    'heracles_s': 'Heracles-S',
    'hamsa_s': 'HAMSA-S',
    'swin_t': 'Swin-T',
    'convnext_t': 'ConvNeXt-T',
}
PEERS = tuple(
    (ours, f'{kind}_nano{wide}')
    for ours, wide in (('heracles_nano', ''), ('hamsa_nano', '_wide'))
    for kind in ('convnext', 'swin', 'resnet')
)
"""Models of one size."""

LARGE_PEERS = tuple(
    (f'{f}_s', peer) for f in ('heracles', 'hamsa') for peer in ('swin_t', 'convnext_t')
)
"""Models of the sizes that papers compare."""

PEER_NAMES = {peer for _, peer in (*PEERS, *LARGE_PEERS)}

MEASURES = {
    'accuracy/top1': ('top-1, %', 1),
    'coco/bbox_mAP': ('box AP', 100),
    'coco/segm_mAP': ('mask AP', 100),
    'test mIoU': ('mIoU on test', 1),
    'mIoU': ('mIoU on val', 1),
    'loss': ('training loss', 1),
}
"""Their names, and what takes them to a scale of 100."""


class Task(NamedTuple):
    """What the page says of a task; ``aims`` are the least that we wanted, by measure, ``scratch``
    is the same task from random weights, ``steps`` what the x axis of its scores counts."""

    title: str
    question: str
    aims: dict[str, float] = {}
    published: str = ''
    scratch: str = ''
    steps: str = 'epoch'


LEADERBOARD = 'Imagenette leaderboard (github.com/fastai/imagenette), mean of 5 runs, {}: {}'
TUTORIAL = (
    'torchvision tutorial, Mask R-CNN R50 (44M) from COCO weights, 10 epochs, a split of its own'
)
PRETRAINED = 'What does it gain by a pretrained backbone? Of the peers ConvNeXt alone ran.'
TASKS = {
    'imagenette_5e': Task(
        'Imagenette, 128 px, 5 epochs from random weights',
        'What does a small classifier learn in minutes?',
        {'accuracy/top1': 76},
        LEADERBOARD.format('5 epochs of "mini net"', 85.8),
    ),
    'imagenette_20e': Task(
        'Imagenette, 128 px, 20 epochs from random weights',
        'And with four times as long?',
        {'accuracy/top1': 87},
        LEADERBOARD.format('20 epochs of "train_imagenette.py + MaxBlurPool"', 91.6),
    ),
    'imagenette_s_20e': Task(
        'Imagenette, 128 px, S models, 20 epochs of batch 128 from random weights, on a GPU',
        "And models of the size that papers compare? Swin-T's run stopped in its 16th epoch by a "
        'CUDA error and was not repeated.',
        {},
        LEADERBOARD.format('20 epochs of "train_imagenette.py + MaxBlurPool"', 91.6),
    ),
    'penn_fudan': Task(
        'Penn-Fudan, Mask R-CNN from random weights',
        'What does a detector learn of 120 pictures and nothing else?',
        steps='iteration',
    ),
    'penn_fudan_pretrained': Task(
        'Penn-Fudan, Mask R-CNN from the weights of 20 epochs of Imagenette',
        PRETRAINED,
        {'coco/bbox_mAP': 60, 'coco/segm_mAP': 50},
        f'{TUTORIAL}: box AP 80, mask AP 76',
        'penn_fudan',
        'iteration',
    ),
    'camvid': Task(
        'CamVid, UperNet from random weights',
        'What does a segmentor learn of 367 street scenes?',
        {'test mIoU': 52},
        'ENet (0.4M): 52.1, FC-DenseNet56 (1.5M): 58.9, FC-DenseNet103 (9.4M): 66.9, all from '
        'random weights (arXiv 1606.02147, 1611.09326)',
        steps='iteration',
    ),
    'camvid_pretrained': Task(
        'CamVid, UperNet from the weights of 20 epochs of Imagenette',
        PRETRAINED,
        {'test mIoU': 58},
        'SegNet (29.5M) from ImageNet weights: 46.4 (arXiv 1511.00561)',
        'camvid',
        'iteration',
    ),
    'cifar10': Task(
        'CIFAR-10 at 128 px, from the weights of 20 epochs of Imagenette',
        'How far do the weights of ten classes take a classifier of ten others in 5 epochs? No run '
        'from random weights stands beside it.',
        {'accuracy/top1': 90},
    ),
    'coco_8': Task(
        'Eight pictures of COCO, Heracles-S, 240 steps',
        'Does the recipe for COCO learn eight pictures by heart? The APs are of the same eight.',
        {'coco/bbox_mAP': 90},
    ),
    'coco_8_short': Task(
        'Eight pictures of COCO, HAMSA-S, 60 steps',
        'Does the recipe of the other family learn? Too short for AP: look at the loss.',
    ),
}
TITLES = {name: task.title for name, task in TASKS.items()}
