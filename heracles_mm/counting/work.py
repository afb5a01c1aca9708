"""Count the multiply-adds of a call, and of a model of any of the libraries, by FlopCounterMode."""

from collections import Counter
from collections.abc import Callable
from inspect import signature
from typing import Any, NamedTuple

import torch
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from heracles_mm.counting.modules import outwards
from heracles_mm.counting.operators import FORMULAS, kind_of

PROPOSALS_MASKED = 100
"""Proposals that mmdet's ``roi_head.forward`` gives to the mask head, of all for the box head."""

Work = Counter[tuple[str, str]]
"""Multiply-adds by (dotted name of the innermost module, kind of operator)."""


class WorkOf(NamedTuple):
    """Work of a forward pass: for each picture, and, in addition, for each pass whatever its batch
    (on weights alone: filters moved to another grid, transforms of kernels)."""

    picture: Work
    once: Work


def count(call: Callable[[], object], model: nn.Module | None = None) -> Work:
    """Count ``call()``, forward and backward. Every module takes the route of its plain formula.

    Args:
        call: is made once.
        model: whose names are the keys in a forward pass; without it and outside of it: ''.
    """
    root = nn.Module()  # below which the counter knows all names, also of parts called alone
    root.model = model = model or nn.Module()
    root.forward = call
    with FlopCounterMode(display=False, custom_mapping=FORMULAS) as counter:
        root()
    found, path = counter.get_flop_counts(), 'Module.model.'
    whole = {name.removeprefix(path): found[name] for name in found if name.startswith(path)}
    whole[''] = found.get('Global', {})
    own = {name: Counter(counts) for name, counts in whole.items()}
    for name in filter(None, whole):
        _, *outer = (place for place in outwards(name) if place in own)
        own[outer[0]].subtract(whole[name])  # what a module counts includes its parts
    work: Work = Counter()
    for name, counts in own.items():
        modules = [model.get_submodule(place) for place in outwards(name)]
        for operator, operations in counts.items():
            work[name, kind_of(operator, modules)] += operations // 2
    return Counter({key: number for key, number in work.items() if number})


def work_of(model: nn.Module, shape: tuple[int, int], device: str = 'meta') -> WorkOf:
    """Count the inference of pictures of ``shape`` (height, width), without post-processing.

    One picture and two are run; their difference is the work of a picture. Two-stage detectors get
    as many proposals of fixed size as their ``test_cfg`` allows, so the count does not depend on
    weights or content.

    Args:
        model: a classifier, detector or segmentor of the libraries, or any module that takes
            pictures of its (backbone's) ``in_channels``, or of 3. It is left in eval mode.
        shape: of the picture, in px.
        device: where the model is and the pictures are made; on 'meta' nothing is computed.
    """
    channels = getattr(getattr(model, 'backbone', model), 'in_channels', 3)

    def work(batch: int) -> Work:
        model.eval()  # which forgets what is kept from one forward pass to the next
        pictures = torch.zeros(batch, channels, *shape, device=device)
        with torch.no_grad():
            return count(lambda: _run(model, pictures), model)

    one, two = work(1), work(2)
    picture = two - one  # Counter's difference leaves zeros out
    return WorkOf(picture, one - picture)


def proposals_of(model: Any) -> int | None:
    """How many proposals a two-stage detector gives to its box head, None for other models."""
    two_stages = hasattr(model, 'roi_head') and hasattr(model, 'rpn_head')
    return model.test_cfg.rpn.max_per_img if two_stages else None


def _run(model: Any, pictures: Tensor) -> None:
    if not isinstance(model, BaseModel):
        model(pictures)
    elif proposals := proposals_of(model):
        _run_two_stages(model, pictures, proposals)
    elif _wants_samples(getattr(model, 'decode_head', None)):
        model.decode_head(model.extract_feat(pictures), _samples(pictures))
    else:
        detector = any(base.__module__.startswith('mmdet.') for base in type(model).__mro__)
        model(pictures, _samples(pictures) if detector else None, mode='tensor')


def _wants_samples(head: Any) -> bool:
    """Whether a segmentor's head is mmdet's Mask2Former, which a plain forward pass cannot call."""
    return head is not None and 'batch_data_samples' in signature(head.forward).parameters


def _run_two_stages(model: Any, pictures: Tensor, proposals: int) -> None:
    maps = model.extract_feat(pictures)
    model.rpn_head(maps)
    height, width = pictures.shape[-2:]
    boxes = pictures.new_tensor([[0, 0, width, height]]).expand(proposals, 4)
    modules = model.roi_head.modules() if pictures.is_meta else ()
    extractors = [module for module in modules if hasattr(module, 'roi_layers')]
    for extractor in extractors:  # whose compiled operator knows no meta tensors
        size = extractor.out_channels, *extractor.roi_layers[0].output_size
        extractor.forward = lambda maps, rois, *_, s=size, **__: maps[0].new_zeros(len(rois), *s)
    try:
        for index, sample in enumerate(_samples(pictures)):  # the mask head sees 100 of a batch
            levels = tuple(level[index : index + 1] for level in maps)
            model.roi_head.forward(levels, [InstanceData(bboxes=boxes)], [sample])
    finally:
        for extractor in extractors:
            del extractor.forward


def _samples(pictures: Tensor) -> list:
    from mmdet.structures import DetDataSample

    names = 'img_shape', 'ori_shape', 'pad_shape', 'batch_input_shape'
    meta = dict.fromkeys(names, tuple(pictures.shape[-2:]))
    return [DetDataSample(metainfo={**meta, 'scale_factor': (1.0, 1.0)}) for _ in pictures]
