"""What a checkpoint brings the whole model: backbone, neck and heads."""

import logging
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn

from heracles_mm.checkpoints.load_report import LoadReport
from heracles_mm.checkpoints.loading import backbones_of, log, log_report, with_prefix
from heracles_mm.checkpoints.recognise import weights_of
from heracles_mm.checkpoints.same_kind import tensor_objection
from heracles_mm.data_checks.classes import label_name_findings
from heracles_mm.data_checks.findings import Odd
from heracles_mm.data_checks.series_options import other_series
from heracles_mm.engine.resume_check import check_resumable
from heracles_mm.errors import CheckpointError


@HOOKS.register_module()
class LoadReportHook(Hook):
    """Recognise a checkpoint's wrapping and prefix, report on the whole model, test none in part.

    Weights that hold NaN or are of another kind than the model's are refused, a head's too; so is a
    test on data that number the checkpoint's classes otherwise. A test on a series of other
    columns, another step or another mean is logged as a warning: it may be meant.

    The backbones report by themselves; with this hook in ``custom_hooks`` their report is a part of
    the whole model's. Heads may be missing in training, a test needs them too, unless every
    backbone has ``strict_loading=False``. Models without a backbone of this package are left alone.

    It runs first (priority VERY_HIGH), so that other hooks find ``state_dict`` where they look.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._report: LoadReport | None = None
        self._dataset: dict = {}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Put the weights where mmengine looks for them, and log what they will bring."""
        meta = checkpoint.get('meta')
        self._dataset = _dict(meta.get('dataset_meta') if isinstance(meta, dict) else None)
        model = unwrapped(runner.model)
        if backbones := backbones_of(model):
            weights = weights_of(checkpoint)
            if len(backbones) == 1:
                weights = with_prefix(weights, *next(iter(backbones.items())))
            if list(weights) != list(checkpoint.get('state_dict', ())):
                checkpoint['state_dict'] = weights
            self._report = log_report(model, weights)
            own = model.state_dict()
            objection = tensor_objection({key: own[key] for key in self._report.loaded}, weights)
            if objection and _strict(model):
                raise CheckpointError(f'the checkpoint cannot be used: {objection}')
        if runner._resume:  # before EMAHook and others take their parts
            check_resumable(runner, checkpoint)

    def before_train(self, runner: Runner) -> None:
        """Training fills what the checkpoint did not."""
        self._report, self._dataset = None, {}

    def before_test(self, runner: Runner) -> None:
        """Refuse to measure a model that is partly random, or one class as another."""
        objection = self._report.objection() if self._report else None
        if objection and _strict(unwrapped(runner.model)):
            raise CheckpointError(f'{objection}; a test needs the checkpoint of the whole model')
        dataset = _dict(getattr(runner.test_loop.dataloader.dataset, 'metainfo', None))
        if finding := other_series(self._dataset, dataset):
            log(finding, logging.WARNING)
        trained, tested = _classes(self._dataset), _classes(dataset)
        if trained and tested:
            places = ('the checkpoint', trained), ('test_dataloader.dataset', tested)
            for finding in label_name_findings(*places):
                if not isinstance(finding, Odd):
                    raise CheckpointError(finding)
                log(finding)


def _dict(meta: Any) -> dict:
    return meta if isinstance(meta, dict) else {}


def _classes(meta: dict) -> list | None:
    """The names of a data set's labels, where they are told."""
    classes = meta.get('classes')
    return list(classes) if isinstance(classes, (list, tuple)) else None


def unwrapped(model: nn.Module) -> nn.Module:
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.get_submodule('module')
    return model


def _strict(model: nn.Module) -> bool:
    return any(backbone.strict_loading for backbone in backbones_of(model).values())
