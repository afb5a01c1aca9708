"""Run a model of any of the libraries once, for what it costs."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from heracles_mm.counting.work import Work, counting

PROPOSALS_MASKED = 100
"""Proposals that mmdet's ``roi_head.forward`` gives to the mask head, of all that the box head
gets."""


class WorkOf(NamedTuple):
    """Work of a forward pass: for each picture, and, in addition, for each pass whatever its batch
    (on weights alone: filters moved to another grid, transforms of kernels). Where a batch goes
    through a stage in groups (inference on a CPU), each group counts as a pass."""

    picture: Work
    once: Work


def work_of(model: nn.Module, shape: tuple[int, int], device: str = 'meta') -> WorkOf:
    """Count the inference of pictures of ``shape`` (height, width), without post-processing.

    One picture and two are run; their difference is the work of a picture. Two-stage detectors get
    as many proposals of fixed size as their ``test_cfg`` allows, so the count does not depend on
    weights or content.

    Args:
        model: a classifier, detector or segmentor of the libraries, or any module that takes
            pictures (B, 3, H, W). It is left in eval mode.
        shape: of the picture, in px.
        device: where the model is and the pictures are made; on 'meta' nothing is computed.
    """
    one, two = (_work(model, (count, 3, *shape), device) for count in (1, 2))
    picture = two - one  # Counter's difference leaves zeros out
    return WorkOf(picture, one - picture)


def proposals_of(model: Any) -> int | None:
    """How many proposals a two-stage detector gives to its box head, None for other models."""
    if not hasattr(model, 'roi_head') or not hasattr(model, 'rpn_head'):
        return None
    return ((model.test_cfg or {}).get('rpn') or {}).get('max_per_img')


def _work(model: nn.Module, shape: tuple[int, ...], device: str) -> Work:
    model.eval()  # which forgets what is kept from one forward pass to the next
    pictures = torch.zeros(shape, device=device)
    with torch.no_grad(), counting(model) as work:
        _run(model, pictures)
    return work


def _run(model: nn.Module, pictures: Tensor) -> None:
    if not isinstance(model, BaseModel):
        model(pictures)
    elif count := proposals_of(model):
        _run_two_stages(model, pictures, count)
    else:
        model(pictures, _samples(pictures) if _is_detector(model) else None, mode='tensor')


def _run_two_stages(model: Any, pictures: Tensor, count: int) -> None:
    from mmengine.structures import InstanceData

    height, width = pictures.shape[-2:]
    maps = model.extract_feat(pictures)
    model.rpn_head(maps)
    proposals = pictures.new_tensor([[0, 0, width, height]]).expand(count, 4)
    replaced = _skip_roi_align(model.roi_head) if pictures.is_meta else []
    try:
        for index, sample in enumerate(_samples(pictures)):  # the mask head sees 100 of a batch
            levels = tuple(level[index : index + 1] for level in maps)
            model.roi_head.forward(levels, [InstanceData(bboxes=proposals)], [sample])
    finally:
        for extractor in replaced:
            del extractor.forward


def _skip_roi_align(roi_head: nn.Module) -> list[nn.Module]:
    """Let RoI extractors, whose compiled operator knows no meta tensors, give the right shape."""
    replaced = []
    for module in roi_head.modules():
        if hasattr(module, 'roi_layers'):
            module.forward = _blank(module)
            replaced.append(module)
    return replaced


def _blank(extractor: Any) -> Callable[..., Tensor]:
    size = extractor.roi_layers[0].output_size
    return lambda maps, rois, *_, **__: maps[0].new_zeros(len(rois), extractor.out_channels, *size)


def _is_detector(model: nn.Module) -> bool:
    return any(base.__module__.startswith('mmdet.') for base in type(model).__mro__)


def _samples(pictures: Tensor) -> list:
    from mmdet.structures import DetDataSample

    shape = tuple(pictures.shape[-2:])
    names = ('img_shape', 'ori_shape', 'pad_shape', 'batch_input_shape')
    meta = {**dict.fromkeys(names, shape), 'scale_factor': (1.0, 1.0)}
    return [DetDataSample(metainfo=meta) for _ in pictures]
