"""Say that the content of data does not fit together or to the model, before training."""

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS

from heracles_mm.data_checks.classes import class_fault
from heracles_mm.data_checks.coco import coco_fault
from heracles_mm.data_checks.folders import class_folders, class_folders_fault, label_list_fault
from heracles_mm.data_checks.listing import missing_pictures

HEADS = ('bbox_head', 'mask_head')
"""The parts of an mmdet model whose ``num_classes`` are the data's."""


def content_fault(cfg: Config, stages: tuple[str, ...]) -> str | None:
    """Return one sentence about the first fault in the data of ``stages``, or None.

    Data sets of mmdet's CocoDataset and mmpretrain's CustomDataset (ImageNet too) are read; for any
    other data set of these libraries the number of classes is compared with the model's. mmseg's
    label maps are looked at by CheckSegmentationHook.

    Args:
        cfg: the whole config, whose paths exist.
        stages: of 'train', 'val' and 'test', those that will run.
    """
    scope = cfg.get('default_scope')
    if scope not in ('mmdet', 'mmpretrain'):
        return None
    numbers = list(_numbers(cfg.get('model') or {}, scope))
    checked = []
    for stage in stages:
        loader = cfg.get(f'{stage}_dataloader') or {}
        for options in _inner_datasets(loader.get('dataset')):
            if options in checked:  # validation and test are often the same
                continue
            checked.append(options)
            dataset = _built_without_content(options, scope)
            if dataset is None:
                continue
            fault = class_fault(_classes(dataset), numbers, f'{stage}_dataloader')
            fault = fault or _files_fault(dataset, scope, stage, numbers)
            if fault:
                return fault
    return None


def _inner_datasets(options: Any) -> Iterator[dict]:
    """What stands in RepeatDataset, ConcatDataset and their kind."""
    if not isinstance(options, dict):
        return
    inner = options.get('datasets') or [options.get('dataset')]
    if any(inner):
        for one in inner:
            yield from _inner_datasets(one)
    elif not options.get('backend_args'):
        yield options


def _numbers(model: dict, scope: str) -> Iterator[tuple[str, int]]:
    """The option that says how many classes the model has, as written in the config, and what."""
    if scope == 'mmpretrain':
        head = model.get('head')
        if isinstance(head, dict) and isinstance(head.get('num_classes'), int):
            yield 'model.head.num_classes', head['num_classes']
        return
    for place, part in (('model', model), ('model.roi_head', model.get('roi_head') or {})):
        for name in HEADS:
            heads: Any = part.get(name)
            several = isinstance(heads, list)
            for i, head in enumerate(heads if several else [heads]):
                number = head.get('num_classes') if isinstance(head, dict) else None
                if isinstance(number, int) and not head.get('class_agnostic'):
                    yield f'{place}.{name}{f".{i}" if several else ""}.num_classes', number


def _built_without_content(options: dict, scope: str) -> Any:
    """The data set with its paths joined and nothing read; None where the runner will say why."""
    try:
        with DATASETS.switch_scope_and_registry(scope) as registry:
            return registry.build({**options, 'lazy_init': True, 'pipeline': []})
    except Exception:
        return None


def _classes(dataset: Any) -> Any:
    return dataset.metainfo.get('classes')


def _files_fault(dataset: Any, scope: str, stage: str, numbers: list) -> str | None:
    if scope == 'mmdet':
        from mmdet.datasets import CocoDataset

        if type(dataset).load_data_list is not CocoDataset.load_data_list:
            return None
        folder = dataset.data_prefix.get('img') or ''
        return coco_fault(dataset.ann_file, _classes(dataset), folder, stage == 'train')
    from mmpretrain.datasets import CustomDataset

    if type(dataset).load_data_list is not CustomDataset.load_data_list:
        return None
    folder = dataset.img_prefix
    if dataset.ann_file and dataset.with_label:
        return label_list_fault(dataset.ann_file, folder, numbers[0][1] if numbers else None)
    if dataset.ann_file:
        with open(dataset.ann_file, encoding='utf-8') as file:
            return missing_pictures(folder, (line.strip() for line in file), dataset.ann_file)
    if not dataset.with_label:
        return None
    if _classes(dataset):
        numbers = [('the number of classes in metainfo', len(_classes(dataset)))]
    return class_folders_fault(folder, tuple(sorted(dataset.extensions))) or class_fault(
        class_folders(folder), numbers, folder
    )
