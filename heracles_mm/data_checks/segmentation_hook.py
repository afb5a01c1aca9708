"""Say what is wrong with label maps before a loss trips over it on a GPU."""

import os
from collections.abc import Iterator
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn

from heracles_mm.errors import DataError

SHOWN = 3
"""Names of missing label maps that an error tells."""

HEADERS = 16
"""Label maps of a data set whose mode is looked at, spread evenly."""

ONE_BYTE_MODES = ('L', 'P', '1')
"""Pillow's modes of one channel of at most 8 bits: grey, palette, black and white."""


@HOOKS.register_module()
class CheckSegmentationHook(Hook):
    """Check an mmseg run's label maps and classes.

    Before a run: every picture has a label map (a listing of each folder, no file is read), some
    maps' headers say one channel of 8 bits, and the heads have as many classes as the data. Before
    each iteration: the batch's label values are classes of the model or ignored.

    Raises:
        DataError: one sentence on the first of these that is not so.
    """

    def before_train(self, runner: Runner) -> None:
        """Look at the training data, and at those of the evaluations to come."""
        self._check_data(runner, runner.train_dataloader.dataset, 'training')
        if runner.val_loop is not None:
            self._check_data(runner, runner.val_dataloader.dataset, 'validation')

    def before_test(self, runner: Runner) -> None:
        """Look at the test data."""
        self._check_data(runner, runner.test_dataloader.dataset, 'test')

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Look at a batch's label values; about a millisecond a picture of 512 x 512."""
        self._check_batch(runner, data_batch)

    def before_val_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Likewise: IoUMetric would leave foreign values out without a word."""
        self._check_batch(runner, data_batch)

    def before_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Likewise."""
        self._check_batch(runner, data_batch)

    def _check_data(self, runner: Runner, dataset: Any, stage: str) -> None:
        for inner in _inner_datasets(dataset):
            _check_classes(_segmentor(runner.model), inner, stage)
            if not getattr(inner, 'backend_args', None):
                _check_files(inner, stage)

    def _check_batch(self, runner: Runner, data_batch: Any) -> None:
        head = next(_heads(_segmentor(runner.model)), None)
        if head is None:
            return
        for sample in _samples(data_batch.get('data_samples', ())):
            if 'gt_sem_seg' in sample:
                _check_labels(sample, head.num_classes, head.ignore_index)


def _segmentor(model: nn.Module) -> nn.Module:
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.get_submodule('module')
    return model


def _heads(model: nn.Module) -> Iterator[Any]:
    """The decode head first, then the auxiliary ones; each may be a list of heads."""
    for name in ('decode_head', 'auxiliary_head'):
        head = getattr(model, name, None)
        heads = head if isinstance(head, nn.ModuleList) else [head]
        yield from (head for head in heads if hasattr(head, 'num_classes'))


def _inner_datasets(dataset: Any) -> Iterator[BaseDataset]:
    """What stands in RepeatDataset, ConcatDataset and their kind; foreign kinds are left alone."""
    if hasattr(dataset, 'datasets'):
        for inner in dataset.datasets:
            yield from _inner_datasets(inner)
    elif hasattr(dataset, 'dataset'):
        yield from _inner_datasets(dataset.dataset)
    elif isinstance(dataset, BaseDataset):
        yield dataset


def _samples(samples: Any) -> Iterator[Any]:
    """The samples of a batch, which test-time augmentation holds in a list of lists."""
    for sample in samples:
        if isinstance(sample, (list, tuple)):
            yield from _samples(sample)
        else:
            yield sample


def _check_classes(model: nn.Module, dataset: BaseDataset, stage: str) -> None:
    classes = dataset.metainfo.get('classes')
    for head in _heads(model):
        if classes and head.num_classes != len(classes):
            raise DataError(
                f'the {stage} data have {len(classes)} classes and the {type(head).__name__} has '
                f'num_classes={head.num_classes}: give every head num_classes={len(classes)}, or '
                "name the data's classes with metainfo=dict(classes=...)"
            )


def _check_files(dataset: BaseDataset, stage: str) -> None:
    maps = [dataset.get_data_info(i).get('seg_map_path') for i in range(len(dataset))]
    if not all(maps):  # a test without ground truth
        return
    listed: dict[str, set[str]] = {}
    missing = []
    for path in maps:
        folder, name = os.path.split(path)
        if folder not in listed:
            listed[folder] = set(os.listdir(folder)) if os.path.isdir(folder) else set()
        if name not in listed[folder]:
            missing.append(path)
    if missing:
        shown = ', '.join(missing[:SHOWN]) + (', ...' if len(missing) > SHOWN else '')
        raise DataError(
            f'{len(missing)} of {len(maps)} {stage} pictures have no label map ({shown}): copy the '
            'rest of the data, or set data_prefix.seg_map_path and seg_map_suffix to what is there'
        )
    for path in maps[:: max(1, len(maps) // HEADERS)]:
        _check_mode(path)


def _check_mode(path: str) -> None:
    from PIL import Image  # brought by mmseg

    with Image.open(path) as image:
        mode = image.mode
    if mode not in ONE_BYTE_MODES:
        raise DataError(
            f'the label map {path} is of mode {mode}: a label map must have one channel of 8 bits '
            'whose values are class ids (a grey or palette PNG), so convert colours to ids first'
        )


def _check_labels(sample: Any, num_classes: int, ignore_index: int) -> None:
    labels = sample.gt_sem_seg.data
    foreign = labels[(labels < 0) | ((labels >= num_classes) & (labels != ignore_index))]
    if len(foreign) == 0:
        return
    path, value = sample.get('seg_map_path', 'of this batch'), int(foreign[0])
    if sample.get('reduce_zero_label'):
        value += 1
        allowed = f'1 to {num_classes}, and 0 for what is ignored (reduce_zero_label)'
    else:
        allowed = f'0 to {num_classes - 1}, and {ignore_index} for what is ignored'
    raise DataError(
        f'the label map {path} holds the value {value}, and a model of {num_classes} classes '
        f'allows {allowed}: correct the map, or give the data set and the heads all classes'
    )
