"""Find label maps that are missing or do not fit before a training run starts."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from heracles_mm.token_labels.label_map_files import (
    MAKE_THEM,
    LabelMapError,
    Manifest,
    read_label_map,
)
from heracles_mm.token_labels.label_map_transforms import STAYS, LoadLabelMap

SHOWN = 3
"""Names of missing label maps that an error tells."""


@HOOKS.register_module()
class CheckLabelMapsHook(Hook):
    """Check the training data's label maps before the first step.

    Every picture needs a map; the first map is read; the class list that the maps were made for is
    compared with the data set's and the model's, where ``label_maps.json`` tells it; and the
    pipeline must not move pixels without their label map. It takes one listing of every class
    folder and reads no picture.

    Raises (from ``before_train``):
        LabelMapError: one sentence on the first of these that is not so.
    """

    def before_train(self, runner: Runner) -> None:
        dataset = runner.train_dataloader.dataset
        while hasattr(dataset, 'dataset'):  # RepeatDataset and its kind
            dataset = dataset.dataset
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        transforms = list(_all_transforms(dataset.pipeline.transforms))
        loader = _check_pipeline(transforms)
        pictures = [dataset.get_data_info(i)['img_path'] for i in range(len(dataset))]
        _check_all_there(loader, pictures)
        first = read_label_map(loader.path(pictures[0]))
        _check_classes(loader.folder, dataset.metainfo.get('classes'), model.head.num_classes)
        runner.logger.info(
            f'label maps of {len(pictures)} pictures in {loader.folder}: {first.ids.shape[0]} '
            f'classes at each of {first.ids.shape[1]}x{first.ids.shape[2]} positions'
        )


def _all_transforms(transforms: Sequence[Any]) -> Iterator[Any]:
    """The transforms, with what RandomApply, RandomChoice or RandAugment hold in their places."""
    for transform in transforms:
        if not type(transform).__name__.startswith('LabelMap') and hasattr(transform, '__iter__'):
            yield from _all_transforms(list(transform))
        else:
            yield transform


def _check_pipeline(transforms: Sequence[Any]) -> LoadLabelMap:
    names = [type(transform).__name__ for transform in transforms]
    if 'LoadLabelMap' not in names or 'PackLabelMap' not in names:
        raise LabelMapError(
            'training with label maps needs LoadLabelMap, and PackLabelMap in the place of '
            f'PackInputs, in the training pipeline, which has {", ".join(names)}'
        )
    allowed = {'LoadImageFromFile', 'LoadLabelMap', 'PackLabelMap', *STAYS}
    for name in names:
        if name not in allowed and not name.startswith('LabelMap'):
            raise LabelMapError(
                f'{name} in the training pipeline may move pixels without their label map: use '
                'LabelMapRandomResizedCrop, LabelMapRandomFlip and LabelMapRandAugment'
            )
    return transforms[names.index('LoadLabelMap')]


def _check_all_there(loader: LoadLabelMap, pictures: Sequence[str]) -> None:
    listed: dict[str, set[str]] = {}
    missing = []
    for picture in pictures:
        folder, name = os.path.split(loader.path(picture))
        if folder not in listed:
            listed[folder] = set(os.listdir(folder)) if os.path.isdir(folder) else set()
        if name not in listed[folder]:
            missing.append(os.path.join(os.path.basename(folder), name))
    if missing:
        shown = ', '.join(missing[:SHOWN]) + (', ...' if len(missing) > SHOWN else '')
        raise LabelMapError(
            f'{len(missing)} of {len(pictures)} training pictures have no label map in '
            f'{loader.folder} ({shown}): run {MAKE_THEM}, which makes what is missing'
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
    if not (manifest.classes and classes):
        return
    for i, (theirs, ours) in enumerate(zip(manifest.classes, classes)):
        if theirs != ours:
            raise LabelMapError(
                f'the label maps in {folder} were made for another class list: class {i} is '
                f'{theirs!r} there and {ours!r} in the data set; make them with a classifier of '
                'the same list, or give the data set the list with metainfo=dict(classes=...)'
            )
