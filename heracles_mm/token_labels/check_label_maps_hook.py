"""Find label maps that are missing or do not fit before a training run starts."""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from heracles_mm.errors import LabelMapError
from heracles_mm.token_labels.label_map_files import MAKE_THEM, Manifest, read_label_map
from heracles_mm.token_labels.label_map_transforms import IN_PLACE, LoadLabelMap


@HOOKS.register_module()
class CheckLabelMapsHook(Hook):
    """Check the training data's label maps before the first step.

    Every picture needs a map; the first map is read; the class list that the maps were made for, if
    ``label_maps.json`` has it, is compared with the data set's and the model's; and the pipeline
    must not move pixels without their label map. A LabelMapError names the first that is not so.
    """

    def before_train(self, runner: Runner) -> None:
        dataset = runner.train_dataloader.dataset
        while hasattr(dataset, 'dataset'):  # RepeatDataset and its kind
            dataset = dataset.dataset
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        loader = _checked_loader(list(_all_transforms(dataset.pipeline.transforms)))
        maps = [loader.path(dataset.get_data_info(i)['img_path']) for i in range(len(dataset))]
        _check_all_there(loader.folder, maps)
        topk, height, width = read_label_map(maps[0]).ids.shape
        _check_classes(loader.folder, dataset.metainfo.get('classes'), model.head.num_classes)
        runner.logger.info(
            f'label maps of {len(maps)} pictures in {loader.folder}: {topk} classes at each of '
            f'{height}x{width} positions'
        )


def _all_transforms(transforms: Iterable[Any]) -> Iterator[Any]:
    """The transforms, with what RandomApply, RandomChoice or RandAugment hold in their places."""
    for transform in transforms:
        if not type(transform).__name__.startswith('LabelMap') and hasattr(transform, '__iter__'):
            yield from _all_transforms(transform)
        else:
            yield transform


def _checked_loader(transforms: list[Any]) -> LoadLabelMap:
    """The LoadLabelMap of a pipeline that keeps every pixel with its label map."""
    names = [type(transform).__name__ for transform in transforms]
    if 'LoadLabelMap' not in names or 'PackLabelMap' not in names:
        raise LabelMapError(
            'training with label maps needs LoadLabelMap, and PackLabelMap in the place of '
            f'PackInputs, in the training pipeline, which has {", ".join(names)}'
        )
    allowed = {'LoadImageFromFile', 'LoadLabelMap', 'PackLabelMap', *IN_PLACE}
    for name in names:
        if name not in allowed and not name.startswith('LabelMap'):
            raise LabelMapError(
                f'{name} in the training pipeline may move pixels without their label map: use '
                'LabelMapRandomResizedCrop, LabelMapRandomFlip and LabelMapRandAugment'
            )
    return transforms[names.index('LoadLabelMap')]


def _check_all_there(folder: str, maps: Sequence[str]) -> None:
    there = {
        os.path.join(place, name)
        for place, _, names in os.walk(folder, followlinks=True)
        for name in names
    }
    missing = [os.path.relpath(path, folder) for path in maps if path not in there]
    if missing:
        shown = ', '.join(missing[:3]) + (', ...' if len(missing) > 3 else '')
        raise LabelMapError(
            f'{len(missing)} of {len(maps)} training pictures have no label map in {folder} '
            f'({shown}): run {MAKE_THEM}, which makes what is missing'
        )


def _check_classes(folder: str, classes: Sequence[str] | None, num_classes: int) -> None:
    manifest = Manifest.read(folder)
    if manifest is None:
        return
    if manifest.num_classes != num_classes:
        raise LabelMapError(
            f'the label maps in {folder} were made for {manifest.num_classes} classes and the '
            f'model has {num_classes}: make them with a classifier of the same class list'
        )
    for i, (theirs, ours) in enumerate(zip(manifest.classes, classes or ())):
        if theirs != ours:
            raise LabelMapError(
                f'the label maps in {folder} were made for another class list: class {i} is '
                f'{theirs!r} there and {ours!r} in the data set; make them with a classifier of '
                'the same list, or give the data set the list with metainfo=dict(classes=...)'
            )
