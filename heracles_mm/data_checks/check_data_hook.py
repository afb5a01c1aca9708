"""The checks of data in any tool over a runner, and of each batch of label maps."""

import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn

from heracles_mm.data_checks.content import STAGES, check_data
from heracles_mm.data_checks.segmentation_maps import Head
from heracles_mm.errors import DataError


@HOOKS.register_module(name=['CheckDataHook', 'CheckSegmentationHook'])
class CheckDataHook(Hook):
    """Check the data before a run, at the level of the config's ``check_data``, and mmseg's label
    values in each batch.

    Our command lines have checked the data when this hook is built, and it does not do it again. In
    other tools it does so before the loop loads its data, since a data set may fail on them.

    Raises:
        DataError: one sentence on what cannot train or is certainly wrong; see
            :func:`~heracles_mm.data_checks.content.check_data`.
    """

    def __init__(self) -> None:
        """Make the runner that is being built check its data before it builds a loop.

        mmengine calls hooks only after the data are loaded, and hands the runner to none before.
        """
        frame: Any = sys._getframe()
        while frame and not hasattr(frame.f_locals.get('self'), 'build_train_loop'):
            frame = frame.f_back
        for stage in STAGES if frame else ():
            _check_before(frame.f_locals['self'], stage)

    def _before_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, mode: str = 'train'
    ) -> None:
        """Look at a batch's label values; about a millisecond a picture of 512 x 512.

        In evaluation too: IoUMetric would leave foreign values out without a word.
        """
        samples = data_batch.get('data_samples') if isinstance(data_batch, dict) else None
        if not isinstance(samples, (list, tuple)) or runner.cfg.get('check_data') == 'off':
            return
        for head in islice(_heads(runner.model), 1):
            for item in samples:
                for sample in item if isinstance(item, (list, tuple)) else [item]:  # lists: of TTA
                    if 'gt_sem_seg' in sample:
                        _check_values(head, sample)


def _check_before(runner: Any, stage: str) -> None:
    name = f'build_{stage}_loop'
    build = getattr(runner, name)

    def checked(loop: Any) -> Any:
        validates = stage == 'train' and runner.cfg.get('val_cfg')
        check_data(runner.cfg, ('train', 'val') if validates else (stage,), runner.logger.warning)
        return build(loop)

    setattr(runner, name, checked)


def _heads(model: nn.Module) -> Iterator[Head]:
    """The decode head first, then the auxiliary ones; each may be a list of heads."""
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.get_submodule('module')
    for name in ('decode_head', 'auxiliary_head'):
        head: Any = getattr(model, name, None)
        for one in head if isinstance(head, nn.ModuleList) else [head]:
            if (count := getattr(one, 'num_classes', None)) is not None:
                yield Head(count, getattr(one, 'ignore_index', 255))


def _check_values(head: Head, sample: Any) -> None:
    foreign = head.foreign(sample.gt_sem_seg.data)
    if len(foreign):
        path = sample.get('seg_map_path', 'of this batch')
        reduced = bool(sample.get('reduce_zero_label'))
        raise DataError(head.finding(f'the label map {path}', int(foreign[0]), reduced))
