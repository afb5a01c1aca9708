"""Does the content of data fit together and to the model?"""

import copy
import gc
import os
import random
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS

from heracles_mm.data_checks.classes import (
    class_findings,
    folder_findings,
    label_findings,
    label_name_findings,
    metainfo_findings,
    numbering_findings,
    picture_files,
)
from heracles_mm.data_checks.coco import Contents
from heracles_mm.data_checks.coco_form import evaluator_findings
from heracles_mm.data_checks.config_options import config_findings, evaluators
from heracles_mm.data_checks.detection_data import (
    annotation_form,
    category_metrics,
    detection_findings,
    indices_findings,
)
from heracles_mm.data_checks.findings import LEVELS, Odd
from heracles_mm.data_checks.heads import HEADS, class_counts, head_findings, stuff_counts
from heracles_mm.data_checks.paths import LIBRARIES, inner_datasets, path_findings
from heracles_mm.data_checks.picture_files import doubled_pictures, loaded_sizes
from heracles_mm.data_checks.readers import Readers, lazy_dataset
from heracles_mm.data_checks.segmentation_maps import Head, map_findings
from heracles_mm.data_checks.series_options import part_findings
from heracles_mm.errors import DataError, UsageError, UserError

STAGES = {'train': 'training', 'val': 'validation', 'test': 'test'}
LOCAL_RANKS = ('LOCAL_RANK', 'SLURM_LOCALID', 'OMPI_COMM_WORLD_LOCAL_RANK')

_checked: set[str] = set()


def check_data(cfg: Config, stages: tuple[str, ...], warn: Callable[[str], None]) -> None:
    """Check the data of ``stages`` ('train', 'val', 'test') at the level of ``cfg.check_data``.

    The levels are 'off', 'sample' (the default) and 'full'. Of several processes on a machine only
    the first looks; the launcher ends the others when that one fails. What was checked in this
    process before is not checked again.

    Args:
        cfg: of a run with mmdet, mmseg or mmpretrain, or of one on series.
        stages: those that the run will have.
        warn: takes each sentence about what is odd.

    Raises:
        DataError: one sentence on the first thing that cannot train or is certainly wrong.
        UsageError: no such level.
    """
    level = cfg.get('check_data', 'sample')
    if level not in LEVELS:
        raise UsageError(f'check_data is {level!r}, and it can be {", ".join(LEVELS)}')
    if level == 'off' or any(os.environ.get(name, '0') != '0' for name in LOCAL_RANKS):
        return
    keys = {stage: _identity(cfg, stage, level) for stage in stages}
    warned: set[str] = set()
    with _undisturbed():
        for finding in _findings(cfg, tuple(s for s in stages if keys[s] not in _checked), level):
            if not isinstance(finding, Odd):
                raise DataError(finding)
            if finding not in warned:
                warn(finding)
            warned.add(finding)
    _checked.update(keys.values())


def _identity(cfg: Config, stage: str, level: str) -> str:
    """All that decides what is found for a stage."""
    options = ['model', 'data_preprocessor', f'{stage}_dataloader', f'{stage}_evaluator']
    if stage != 'test':
        options += ['train_cfg', 'val_cfg', 'param_scheduler', 'optim_wrapper']
    return repr((os.getcwd(), level, [cfg.get(option) for option in options]))


def _findings(cfg: Config, stages: tuple[str, ...], level: str) -> Iterator[str]:
    yield from config_findings(cfg, stages)
    yield from path_findings(cfg, stages)
    yield from part_findings(cfg)
    yield from _series_findings(cfg, stages)
    if cfg.get('default_scope') not in HEADS:
        return
    yield from head_findings(cfg)
    contents: dict[str, Any] = {}
    read: dict[str, Any] = {}

    def kept(stage: str) -> Iterator[str]:
        contents[stage] = yield from _stage_findings(cfg, stage, level, read)

    for stage in stages:
        evaluated = stage != 'val' or _evaluates(cfg.get('train_cfg') or {})
        for finding in kept(stage):
            yield finding if evaluated else Odd(finding)
    read.clear()
    yield from _label_findings(cfg, stages)
    if 'train' in contents and 'val' in contents:
        (train, folders), (val, others) = contents['train'], contents['val']
        for one in others:
            for other in folders:
                yield from numbering_findings(other, one)
        if train and val:
            yield from doubled_pictures(train, val, level)


def _series_findings(cfg: Config, stages: tuple[str, ...]) -> Iterator[str]:
    """Read the series of ``stages`` as the run will: all that can be wrong with them shows."""
    for stage in stages:
        loader = f'{stage}_dataloader'
        for _, options in inner_datasets(cfg.get(loader), loader):
            if 'csv_file' in options:
                try:
                    DATASETS.build(copy.deepcopy(options))
                except UserError as error:
                    yield str(error)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the random numbers of the run, and the garbage collector from looking at millions of
    parsed objects again and again."""
    enabled, state, arrays = gc.isenabled(), random.getstate(), np.random.get_state()
    gc.disable()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(state)
        np.random.set_state(arrays)
        if enabled:
            gc.enable()


def _evaluates(train_cfg: dict) -> bool:
    """Whether a training loop comes to an evaluation; at its end it does, for any interval."""
    end = train_cfg.get('max_epochs') or train_cfg.get('max_iters') or float('inf')
    return train_cfg.get('val_begin', 1) <= end


def _is_fold(options: Any) -> bool:
    """Whether mmpretrain's KFoldDataset is among the wrappers of a loader's data set."""
    if not isinstance(options, dict):
        return False
    return str(options.get('type')).endswith('KFoldDataset') or _is_fold(options.get('dataset'))


def _stage_findings(
    cfg: Config, stage: str, level: str, read: dict[str, Any]
) -> Generator[str, None, tuple[list[str], list[tuple[str, list]]]]:
    """Find what is wrong with the data of ``stage``; ``read`` is that of ``coco_findings``.

    Returns:
        The paths of its pictures, and each folder of classes with their names.
    """
    scope, loader = cfg.default_scope, f'{stage}_dataloader'
    pictures: list[str] = []
    folders: list[tuple[str, list]] = []
    held = []
    for option, options in inner_datasets(cfg.get(loader), loader):
        yield from metainfo_findings(option, options.get('metainfo'))
        contents = Contents()
        if parts := lazy_dataset(scope, options, level):
            dataset, readers = parts
            yield from _count_findings(cfg, stage, dataset)
            if scope == 'mmdet':
                yield from indices_findings(cfg, stage, option, dataset)
                contents = yield from detection_findings(cfg, stage, dataset, readers, read)
            elif scope == 'mmseg':
                contents = yield from _segmentation_findings(cfg, stage, dataset, readers)
            else:
                contents, classes = yield from _classification_findings(
                    cfg, stage, dataset, readers
                )
                folders += classes
        held.append(contents)
        if not _is_fold(cfg.get(loader)):  # train and val are parts of one folder
            pictures += contents.pictures
    if scope == 'mmdet' and held and all(contents.names for contents in held):
        names = {key: name for contents in held for key, name in contents.names.items()}
        panoptic = evaluators(cfg, stage, 'CocoPanopticMetric')
        for one in [*evaluators(cfg, stage, 'CocoMetric'), *panoptic]:
            path, known_paths = one.get('ann_file'), map(os.path.normpath, read)
            if path and not one.get('format_only') and os.path.normpath(path) not in known_paths:
                yield from evaluator_findings(path, names)
    known = all(contents.instances is not None for contents in held)
    count = sum(contents.instances or 0 for contents in held)
    if scope == 'mmdet' and stage == 'train' and held and known and not count:
        yield (
            f'the data of {loader} hold no instance to train on ('
            + '; '.join(contents.left_out for contents in held)
            + '): choose the files or the classes anew, or correct the annotations'
        )
    return pictures, folders


def _label_findings(cfg: Config, stages: tuple[str, ...]) -> Iterator[str]:
    """Compare the names of the labels of all data sets with those of the first one to train on."""
    if cfg.default_scope == 'mmpretrain':
        return  # of folders, which are compared
    evaluated = _evaluates(cfg.get('train_cfg') or {})
    wanted = [one for one in ('train', *stages) if one != 'val' or evaluated]
    named = [found for stage in dict.fromkeys(wanted) for found in _named_classes(cfg, stage)]
    for other in named[1:]:
        yield from label_name_findings(named[0], other)


def _named_classes(cfg: Config, stage: str) -> Iterator[tuple[str, list]]:
    """Yield the config key and the classes of each data set, of training those with labels."""
    loader = f'{stage}_dataloader'
    for option, options in inner_datasets(cfg.get(loader), loader):
        reads = str(options.get('pipeline'))
        unlabelled = 'Annotations' not in reads or 'LoadEmptyAnnotations' in reads
        parts = lazy_dataset(cfg.default_scope, options, 'off')
        if parts is None or (stage == 'train' and unlabelled):
            continue
        classes = parts[0].metainfo.get('classes')
        words = getattr(parts[0], 'return_classes', False)
        if isinstance(classes, (list, tuple)) and not words:
            yield option, list(classes)


def _count_findings(cfg: Config, stage: str, dataset: Any) -> Iterator[str]:
    """Compare the number of classes; certain are those that no data can be right with."""
    kind, least, most = type(dataset), 0, float('inf')
    counts = [(one.option, one.number) for one in class_counts(cfg)]
    classes, loader = dataset.metainfo.get('classes'), f'{stage}_dataloader'
    if cfg.default_scope == 'mmdet':
        from mmdet.datasets import CocoPanopticDataset

        if getattr(dataset, 'return_classes', False):
            return  # heads of words
        stuff = [(one.option, one.number) for one in stuff_counts(cfg)]
        if isinstance(dataset, CocoPanopticDataset):
            for key, numbers in (('thing_classes', counts), ('stuff_classes', stuff)):
                named = dataset.metainfo.get(key) or ()
                yield from class_findings(named, numbers, loader, len(named), len(named), key)
            return
        if stage == 'train' and stuff and stuff[0][1]:
            option, number = stuff[0]
            yield Odd(f'{option} is {number} and the data of {loader} have no stuff: make it 0')
        by_file = annotation_form(kind) in ('coco', 'lvis') and category_metrics(cfg, stage)
        if by_file and stage != 'train':
            most = len(classes or ())  # a prediction beyond is an IndexError of the metric
    elif cfg.default_scope == 'mmpretrain':
        from mmpretrain.datasets import CustomDataset

        if isinstance(dataset, CustomDataset):
            if isinstance(classes, str) or classes == ():
                counts = []
            elif classes is not None and not dataset.ann_file:
                return  # the folders are compared
        elif kind.__module__.split('.')[0] in LIBRARIES:
            least = len(classes or ()) if classes == kind.METAINFO.get('classes') else 0
    yield from class_findings(classes, counts, loader, least, most)


def _segmentation_findings(
    cfg: Config, stage: str, dataset: Any, readers: Readers
) -> Generator[str, None, Contents]:
    from mmseg.datasets import BaseSegDataset
    from mmseg.datasets.transforms import LoadAnnotations

    if type(dataset).load_data_list is not BaseSegDataset.load_data_list:
        return Contents()
    labels = readers.labels(LoadAnnotations, '_load_seg_map')
    heads = (Head(one.number, one.head.get('ignore_index', 255)) for one in class_counts(cfg))
    pictures = yield from map_findings(
        dataset,
        readers.tried if readers.known() else None,
        readers.loader,
        labels,
        next(heads, None),
        STAGES[stage],
        readers.level,
    )
    yield from _reading_findings(pictures, readers, f'{stage}_dataloader')
    return Contents(pictures)


def _classification_findings(
    cfg: Config, stage: str, dataset: Any, readers: Readers
) -> Generator[str, None, tuple[Contents, list[tuple[str, list]]]]:
    from mmpretrain.datasets import CustomDataset

    kind, classes = type(dataset), []
    if kind.load_data_list is not CustomDataset.load_data_list:
        return Contents(), []
    path, folder = dataset.ann_file, dataset.img_prefix
    counts = [(one.option, one.number) for one in class_counts(cfg)]
    endings = tuple(sorted(dataset.extensions))
    if not os.path.isdir(folder):
        yield f'the folder {folder} of pictures does not exist: look at data_root and data_prefix'
        return Contents(), []
    if path:
        number = min((number for _, number in counts), default=None)
        pictures = yield from label_findings(
            path, folder, number, dataset.with_label, readers.loader, stage == 'train'
        )
    elif dataset.with_label:
        named = dataset.metainfo.get('classes')
        names, pictures = yield from folder_findings(
            folder, endings, named, counts, stage == 'train'
        )
        classes = [(folder, names)]
    else:
        pictures = picture_files(folder, endings)
        if not pictures:
            yield f'{folder} holds no picture with a name that ends in {", ".join(endings)}'
    yield from _reading_findings(pictures, readers, folder)
    return Contents(pictures if dataset._indices is None else ()), classes


def _reading_findings(pictures: list[str], readers: Readers, named_by: str) -> Iterator[str]:
    if readers.loader is not None and pictures:
        for found in loaded_sizes(readers.loader, pictures, readers.level, named_by):
            if isinstance(found, str):
                yield found
