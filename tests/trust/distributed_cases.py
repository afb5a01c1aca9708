"""Detectors, segmentors and classifiers whose training step must not depend on the number of
processes, and the step.

A loss that is a mean over the pictures of a process, averaged over processes of equally many
pictures, is the mean over all pictures; so are its gradients. Five things of the nano configs are
no such mean, and are made one here: BatchNorm's statistics (`sync_bn`), dropout (off), weights of
classes (off: mmseg divides by their sum), detection's random choice of samples (the first ones) and
how many of them a picture has (always the same). MixToken mixes picture i with the one at the
mirrored place, so a process gets both of a pair.
"""

from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.model import MMDistributedDataParallel, convert_sync_batchnorm
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import InstanceData, PixelData
from torch import nn

CONFIGS = Path(__file__).parents[2] / 'configs'
SIDE = 64
OBJECTS = 2


class Case(NamedTuple):
    task: str
    family: str
    with_cp: bool

    def __str__(self):
        return f'{self.task}-{self.family}{"-with_cp" * self.with_cp}'

    @classmethod
    def named(cls, name: str) -> 'Case':
        task, family, *with_cp = name.split('-')
        return cls(task, family, bool(with_cp))


CASES = [
    Case(task, family, with_cp)
    for task in ('detection', 'segmentation', 'classification')
    for family in ('heracles', 'hamsa')
    for with_cp in ((False, True) if task == 'classification' else (False,))
]
"""Blocks are computed again by the backbone, whatever head is on it."""


class Trace(NamedTuple):
    """Of each step: the loss, and the gradient of every parameter by its name."""

    losses: list[float]
    gradients: list[dict[str, torch.Tensor]]


def pairs(processes: int) -> list[list[int]]:
    """The pictures of each process: two that stand at mirrored places of the whole batch."""
    return [[i, 2 * processes - 1 - i] for i in range(processes)]


def model_config(case: Case) -> ConfigDict:
    """The nano config's model at 64 px."""
    name = {'detection': 'mask_rcnn_{}_nano_scenes', 'segmentation': 'upernet_{}_nano_scenes'}.get(
        case.task, 'heracles_nano_tokenlabel_pictures'
    )
    config = Config.fromfile(CONFIGS / f'{name.format(case.family)}.py')
    model = config.model
    if case.task == 'detection':
        every = dict(type='FirstSampler', neg_pos_ub=-1)
        model.train_cfg.rpn.sampler.update(every, num=32)
        model.train_cfg.rcnn.sampler.update(every, num=16, pos_fraction=OBJECTS / 16)
    elif case.task == 'segmentation':
        model.data_preprocessor.size = (SIDE, SIDE)
        for head in (model.decode_head, model.auxiliary_head):
            head.dropout_ratio = 0
            head.norm_cfg = dict(type='BN')  # as in the configs of S, B and L
            head.loss_decode.class_weight = None  # likewise
    elif case.family == 'hamsa':
        model.backbone = dict(type='Hamsa', arch='nano', out_indices=(3,))
        model.neck = dict(type='ClassSpectralBlock', in_channels=192, grid=(2, 2))
    model.backbone.update(img_size=SIDE, with_cp=case.with_cp, drop_path_rate=0.0)
    return model


def build(case: Case) -> nn.Module:
    """In float64, with the same weights in every process."""
    scope = {'detection': 'mmdet', 'segmentation': 'mmseg', 'classification': 'mmpretrain'}
    register(case.task)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope(scope[case.task]):
        model = MODELS.build(model_config(case)).double().train()
    model.data_preprocessor.register_forward_hook(
        lambda _, __, batch: {**batch, 'inputs': batch['inputs'].double()}
    )
    return model


def register(task: str) -> None:
    if task != 'detection':
        return
    from mmdet.models.task_modules import RandomSampler
    from mmdet.registry import TASK_UTILS

    if 'FirstSampler' in TASK_UTILS:
        return

    @TASK_UTILS.register_module()
    class FirstSampler(RandomSampler):
        """The same samples of a picture, whatever other pictures there are."""

        def random_choice(self, gallery, num):
            return gallery[:num]


def batch(task: str, numbers: list[int]) -> dict:
    """Pictures of these numbers, each with its own pixels and targets."""
    parts = [globals()[task](torch.Generator().manual_seed(number)) for number in numbers]
    pictures = [
        torch.randint(
            256, (3, SIDE, SIDE), generator=torch.Generator().manual_seed(n), dtype=torch.uint8
        )
        for n in numbers
    ]
    inputs = torch.stack(pictures) if task == 'classification' else pictures
    return dict(inputs=inputs, data_samples=parts)


def detection(generator: torch.Generator):
    from mmdet.structures import DetDataSample
    from mmdet.structures.bbox import HorizontalBoxes
    from mmdet.structures.mask import BitmapMasks

    shape = dict.fromkeys(('img_shape', 'ori_shape', 'pad_shape', 'batch_input_shape'), (SIDE,) * 2)
    sample = DetDataSample(metainfo=dict(**shape, scale_factor=(1.0, 1.0)))
    corners = torch.randint(0, SIDE // 2, (OBJECTS, 2), generator=generator)
    sizes = torch.randint(16, SIDE // 2, (OBJECTS, 2), generator=generator)
    boxes = torch.cat((corners, corners + sizes), 1)
    masks = np.zeros((OBJECTS, SIDE, SIDE), np.uint8)
    for mask, (left, top, right, bottom) in zip(masks, boxes.tolist(), strict=True):
        mask[top:bottom, left:right] = 1
    sample.gt_instances = InstanceData(
        bboxes=HorizontalBoxes(boxes.double()),
        labels=torch.randint(5, (OBJECTS,), generator=generator),
        masks=BitmapMasks(masks, SIDE, SIDE),
    )
    sample.ignored_instances = InstanceData(
        bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long)
    )
    return sample


def segmentation(generator: torch.Generator):
    from mmseg.structures import SegDataSample

    labels = torch.randint(9, (1, SIDE, SIDE), generator=generator)
    return SegDataSample(metainfo=dict(img_shape=(SIDE, SIDE)), gt_sem_seg=PixelData(data=labels))


def classification(generator: torch.Generator):
    from mmpretrain.structures import DataSample

    sample = DataSample().set_gt_label(0)
    sample.set_field(torch.randperm(9, generator=generator)[:3], 'token_ids')
    sample.set_field(torch.randn(3, generator=generator), 'class_scores')
    sample.set_field(torch.randn(3, SIDE // 32, SIDE // 32, generator=generator), 'token_scores')
    return sample


@contextmanager
def in_float64():
    """For mmdet's anchors, and for mmcv's nms, which knows float32 alone on a CPU."""
    compiled, before = import_module('mmcv.ops.nms').ext_module, torch.get_default_dtype()
    operator = compiled.nms
    compiled.nms = lambda boxes, scores, **options: operator(
        boxes.float(), scores.float(), **options
    )
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        compiled.nms = operator
        torch.set_default_dtype(before)


def train(
    case: Case, numbers: list[int], steps: int, *, wrapper=None, sync_bn: bool = False
) -> Trace:
    """Steps of SGD on the pictures ``numbers``, in this process or with others."""
    model = build(case)
    if sync_bn:
        model = convert_sync_batchnorm(model, 'torch')
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    if wrapper is not None:
        model = wrapper(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    trace = Trace([], [])
    optimizer.register_step_pre_hook(
        lambda *_: trace.gradients.append(
            {names[id(p)]: p.grad.clone() for p in model.parameters() if p.grad is not None}
        )
    )
    for step in range(steps):
        np.random.seed(step)  # of MixToken's boxes: mmengine seeds every process alike
        logged = model.train_step(batch(case.task, numbers), OptimWrapper(optimizer))
        trace.losses.append(logged['loss'].item())
    return trace


def ddp(model: nn.Module) -> nn.Module:
    """As mmengine's runner does it, find_unused_parameters=False among it."""
    return MMDistributedDataParallel(model, broadcast_buffers=False)
