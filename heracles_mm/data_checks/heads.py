"""What the heads of a config's model say about classes."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from mmengine.config import Config

HEADS = {
    'mmdet': ('bbox_head', 'mask_head', 'roi_head.bbox_head', 'roi_head.mask_head'),
    'mmpretrain': ('head',),
    'mmseg': ('decode_head', 'auxiliary_head'),
}
"""The parts of a model whose ``num_classes`` are the data's."""

PANOPTIC = ('panoptic_head', 'panoptic_fusion_head', 'semantic_head')
"""Parts of mmdet's that count things and stuff apart."""

PANOPTIC_TYPES = (
    'MaskFormerHead',
    'Mask2FormerHead',
    'PanopticFPNHead',
    'MaskFormerFusionHead',
    'HeuristicFusionHead',
)
"""Their types whose default is COCO's 80 things and 53 kinds of stuff."""

NO_OBJECT = ('MaskFormerHead', 'Mask2FormerHead')
"""Heads whose loss weighs one class more, of queries without an object."""


class ClassCount(NamedTuple):
    """An option of a model that is a number of classes, its value and the head that it is of."""

    option: str
    number: int
    head: dict


def class_counts(cfg: Config) -> Iterator[ClassCount]:
    """Yield each option that must be the number of the data's classes (of things, if panoptic)."""
    model, start = _model(cfg)
    for name, head in _heads(model, start, HEADS[cfg.default_scope]):
        number = head.get('num_classes')
        if isinstance(number, int) and not head.get('class_agnostic'):
            yield ClassCount(f'{name}.num_classes', number, head)
    yield from _panoptic_counts(model, start, 'num_things_classes', 80)


def stuff_counts(cfg: Config) -> Iterator[ClassCount]:
    """Yield each option that must be the number of the data's stuff classes."""
    model, start = _model(cfg)
    yield from _panoptic_counts(model, start, 'num_stuff_classes', 53)


def head_findings(cfg: Config) -> Iterator[str]:
    """Find heads of one model that disagree about classes, whatever the data."""
    for counts in (class_counts, stuff_counts):
        parts = [one for one in counts(cfg) if not one.option.endswith('.num_classes')]
        if len({one.number for one in parts}) > 1:
            said = ', '.join(f'{one.option} is {one.number}' for one in parts)
            yield f'{said}, and predictions would be read as of other classes: make them equal'
    model, start = _model(cfg)
    for name, head in _heads(model, start, ('panoptic_head', 'decode_head')):
        weights = (head.get('loss_cls') or {}).get('class_weight')
        if not str(head.get('type')).endswith(NO_OBJECT) or not isinstance(weights, (list, tuple)):
            continue
        numbers = [head.get(f'num_{kind}classes', 0) for kind in ('', 'things_', 'stuff_')]
        if len(weights) != sum(numbers) + 1:
            yield (
                f'{name}.loss_cls.class_weight has {len(weights)} numbers for {sum(numbers)} '
                f'classes: give it one for each class and one for no object, [1.0] * '
                f'{sum(numbers)} + [0.1]'
            )


def _model(cfg: Config) -> tuple[dict, str]:
    """The options of the model inside of those for augmented tests and half-labelled data."""
    model, start = cfg.get('model') or {}, 'model'
    while inner := next((key for key in ('module', 'detector') if model.get(key)), None):
        model, start = model[inner], f'{start}.{inner}'
    return model, start


def _heads(model: dict, start: str, names: tuple[str, ...]) -> Iterator[tuple[str, dict]]:
    """Yield the options of each head and its config key; a part may be several heads."""
    for name in names:
        heads: Any = model
        for key in name.split('.'):
            heads = (heads or {}).get(key)
        several = isinstance(heads, (list, tuple))
        for i, head in enumerate(heads if several else [heads]):
            if isinstance(head, dict):
                yield f'{start}.{name}{f".{i}" if several else ""}', head


def _panoptic_counts(model: dict, start: str, key: str, default: int) -> Iterator[ClassCount]:
    for name, head in _heads(model, start, PANOPTIC):
        if key in head or str(head.get('type')).endswith(PANOPTIC_TYPES):
            yield ClassCount(f'{name}.{key}', head.get(key, default), head)
