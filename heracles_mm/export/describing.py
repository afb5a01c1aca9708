"""What a file says of itself, from the config and checkpoint that it is made of."""

import colorsys
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS
from torch import nn

from heracles_mm.checkpoints import read_checkpoint
from heracles_mm.errors import UserError
from heracles_mm.export.building import preprocessing
from heracles_mm.runtime.description import FILTERS, Description, Resize


class DescriptionError(UserError):
    """A file can be written, but not say how pictures become its input."""


PASSED = ('Load', 'Pack', 'InferencerLoader')
"""Beginnings of the names of transforms that do nothing to a picture."""

KNOWN = 'Resize, ResizeEdge (short), CenterCrop'
COLOURS = 3

Shape = tuple[int, int]


def describe(
    cfg: Config,
    model: nn.Module,
    checkpoint: str | None,
    *,
    task: str,
    shape: Shape | None,
    name: str,
    precision: str = 'float32',
    license: str = '',
) -> Description:
    """The description of a file.

    Args:
        cfg: of the model; its test pipeline says how pictures are resized.
        model: built of it.
        checkpoint: has the names of the classes it was trained on; else the config's data set.
        task: of :class:`~heracles_mm.runtime.Description`.
        shape: height and width in px that the file takes; None for any.
        name: of the config.
        precision: of the file.
        license: of the weights.

    Raises:
        DescriptionError: the pipeline resizes in a way that has no description, or the pictures
            have not three channels.
    """
    options = preprocessing(cfg)
    if (count := getattr(getattr(model, 'backbone', None), 'in_channels', COLOURS)) != COLOURS:
        raise DescriptionError(f'the model takes pictures of {count} channels, not of colours')
    head: Any = _head(model)
    test_cfg: Any = getattr(getattr(model, 'roi_head', None) or head, 'test_cfg', None) or {}
    classes, palette = _classes(cfg, checkpoint, getattr(head, 'num_classes', 0))
    mask_threshold = test_cfg.get('mask_thr_binary', 0.5) if task == 'detection' else 0.5
    if task == 'segmentation':
        mask_threshold = getattr(head, 'threshold', None) or mask_threshold
    return Description(
        task=task,
        classes=classes if task != 'features' else (),
        palette=palette if task != 'features' else (),
        size=shape,
        channels='RGB' if options.get('to_rgb', options.get('bgr_to_rgb', False)) else 'BGR',
        mean=tuple(options.get('mean') or [0.0] * COLOURS),
        std=tuple(options.get('std') or [1.0] * COLOURS),
        resize=Resize() if task == 'features' else _for_shape(_resize(cfg), shape, cfg),
        score_threshold=test_cfg.get('score_thr', 0.0) if task == 'detection' else 0.0,
        mask_threshold=mask_threshold,
        align_corners=bool(getattr(head, 'align_corners', False)),
        name=name,
        precision=precision,
        license=license,
    )


def usual_shape(cfg: Config) -> Shape | None:
    """Height and width of a landscape picture as a detector's test pipeline resizes and pads it."""
    try:
        resize = _resize(cfg)
    except DescriptionError:
        return None
    return _padded(resize.size, cfg)[::-1] if resize.rule == 'fit' else None


def _head(model: Any) -> Any:
    """Of the model: what knows how many classes there are."""
    head = getattr(model, 'roi_head', None)
    if head is not None:
        head = head.bbox_head
        return head[-1] if isinstance(head, nn.ModuleList) else head
    names = ('bbox_head', 'panoptic_head', 'decode_head', 'head')
    return next((getattr(model, name) for name in names if hasattr(model, name)), None)


def _dataset(cfg: Config) -> Mapping[str, Any]:
    """The innermost data set of testing, or of validation."""
    loader = cfg.get('test_dataloader') or cfg.get('val_dataloader') or {}
    dataset = loader.get('dataset') or {}
    while isinstance(dataset.get('dataset'), Mapping):
        dataset = dataset['dataset']
    return dataset


def _classes(
    cfg: Config, checkpoint: str | None, count: int
) -> tuple[tuple[str, ...], tuple[tuple[int, int, int], ...]]:
    """Names and colours by label: those of the checkpoint, the config, the data set's class, or
    where these have another number of them, made ones."""
    found: dict[str, Any] = {}
    dataset = _dataset(cfg)
    if dataset.get('type'):
        with DATASETS.switch_scope_and_registry(cfg.get('default_scope')) as registry:
            kind: Any = registry.get(dataset['type'])
        found.update(getattr(kind, 'METAINFO', None) or {})
    found.update(dataset.get('metainfo') or {})
    if checkpoint:
        content = read_checkpoint(checkpoint, mmap=True)
        meta = content.get('meta') if isinstance(content, dict) else None
        found.update(((meta or {}).get('dataset_meta')) or {})
    classes = found.get('classes') or ()
    if isinstance(classes, str):
        classes = (classes,)
    if len(classes) != count:
        classes = [str(label) for label in range(count)]
    palette = found.get('palette')
    if not isinstance(palette, list | tuple) or len(palette) != count:
        palette = [_hue(label / max(1, count)) for label in range(count)]
    return tuple(map(str, classes)), tuple((int(r), int(g), int(b)) for r, g, b in palette)


def _hue(place: float) -> tuple[int, ...]:
    return tuple(round(255 * value) for value in colorsys.hsv_to_rgb(place, 0.8, 0.9))


def _resize(cfg: Config) -> Resize:
    found = Resize()
    for step in _dataset(cfg).get('pipeline') or []:
        kind = step['type'] if isinstance(step['type'], str) else step['type'].__name__
        kind = kind.rpartition('.')[2]
        if kind.startswith(PASSED):
            continue
        if kind == 'CenterCrop':
            found = replace(found, crop=_height_and_width(step['crop_size']))
        elif kind == 'Resize' and step.get('scale') is not None:
            height, width = _height_and_width(step['scale'])
            if step.get('keep_ratio'):
                size = max(height, width), min(height, width)
                found = Resize('fit', size, _filter(step))
            else:
                found = Resize('exact', (height, width), _filter(step))
        elif kind == 'ResizeEdge' and step.get('edge', 'short') == 'short':
            found = Resize('edge', (step['scale'],), _filter(step))
        else:
            raise DescriptionError(
                f'the pipeline of test_dataloader has a step that cannot be described in a file, '
                f'{dict(step)}: use {KNOWN}'
            )
    return found


def _filter(step: Mapping[str, Any]) -> str:
    backend, filter = step.get('backend', 'cv2'), step.get('interpolation', 'bilinear')
    if backend == 'cv2' and filter == 'bilinear':
        return 'opencv bilinear'
    if backend == 'pillow' and filter in FILTERS:
        return filter
    raise DescriptionError(
        f'the pipeline of test_dataloader resizes by {backend} with {filter}, and only cv2 with '
        'bilinear, or pillow, can be described in a file'
    )


def _height_and_width(scale: Any) -> Shape:
    """Of mmcv's width and height, or one side."""
    return (scale, scale) if isinstance(scale, int) else (scale[1], scale[0])


def _padded(size: tuple[int, ...], cfg: Config) -> Shape:
    divisor = preprocessing(cfg).get('pad_size_divisor', 1)
    long, short = (math.ceil(side / divisor) * divisor for side in size)
    return long, short


def _for_shape(resize: Resize, shape: Shape | None, cfg: Config) -> Resize:
    """The rule for a file of one shape: pictures fill it, whatever size the config tests at."""
    if shape is None:
        return resize
    if resize.crop and resize.crop != shape:
        factor = max(shape) / max(resize.crop)
        sides = tuple(round(side * factor) for side in resize.size)
        return replace(resize, size=sides, crop=shape)
    if resize.rule == 'fit' and (max(shape), min(shape)) != _padded(resize.size, cfg):
        return replace(resize, size=(max(shape), min(shape)))
    if resize.rule == 'exact' and resize.crop is None:
        return replace(resize, size=shape)
    return resize
