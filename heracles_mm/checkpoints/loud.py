"""Modules that say what each load of weights brought them, and refuse half a load."""

import logging
from typing import Any

from mmengine.dist import is_main_process
from mmengine.logging import print_log
from mmengine.model import BaseModule, PretrainedInit, update_init_info
from torch import nn
from torch.nn.modules.module import _IncompatibleKeys as TorchIncompatibleKeys

from heracles_mm.checkpoints.load_report import LoadReport
from heracles_mm.checkpoints.loading import read_checkpoint
from heracles_mm.checkpoints.recognise import backbone_prefix, weights_of
from heracles_mm.checkpoints.same_kind import tensor_objection
from heracles_mm.errors import CheckpointError


class LoudLoading(BaseModule):
    """A backbone that reports every load of weights, whatever road they come by.

    Both torch's and mmengine's ``load_state_dict`` call :meth:`_load_from_state_dict` of each
    module before, and its post-hooks behind, the loading of its part: the report is made in the
    first and told in the second. So a detector's ``load_from``, a resumed run, ``init_cfg``, an
    inferencer and plain torch are all served without a change to mmengine.

    A load that leaves tensors of the backbone as they were is a :class:`CheckpointError`, unless
    the user said otherwise: by ``strict_loading=False``, or by ``strict=False`` where the road is
    torch's own ``load_state_dict`` (of this module or of one around it).

    Args:
        init_cfg: mmengine's. ``Pretrained`` is read here: safely, and whatever the file looks like
            (see :mod:`~heracles_mm.checkpoints.recognise`).
        strict_loading: whether an incomplete load is an error.

    Attributes:
        load_report: of the last load, None before it.
        announced: a report that was logged already, as a part of a larger one.
    """

    init_cfg: dict | list | None

    def __init__(self, init_cfg: dict | list | None, strict_loading: bool) -> None:
        super().__init__(init_cfg)
        self.strict_loading = strict_loading
        self.load_report: LoadReport | None = None
        self.announced: LoadReport | None = None
        self.register_load_state_dict_post_hook(_after_loading)

    def init_weights(self) -> None:
        """Apply ``init_cfg``; ``Pretrained`` goes through :class:`LoudPretrainedInit`, at the end.

        Raises:
            CheckpointError: the file cannot be read, or does not hold the whole backbone.
        """
        init_cfg = self.init_cfg
        steps = [init_cfg] if isinstance(init_cfg, dict) else list(init_cfg or ())
        steps.sort(key=_is_pretrained)
        self.init_cfg = [
            {**step, 'type': LoudPretrainedInit} if _is_pretrained(step) else step for step in steps
        ]
        super().init_weights()
        self.init_cfg = init_cfg

    def load_state_dict(
        self, state_dict: Any, strict: bool = True, assign: bool = False
    ) -> TorchIncompatibleKeys:
        """As torch's, but an incomplete state dict is refused beforehand and in one sentence."""
        if strict:
            _refuse_incomplete(LoadReport.of(self, state_dict), way_out='')
        return super().load_state_dict(state_dict, strict, assign)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        part = part_of(state_dict, prefix)
        report = LoadReport.of(self, part, elsewhere=unexpected_keys)
        if self.strict_loading:
            if report.misshapen:  # torch refuses them too; mmengine warns
                _refuse_incomplete(report, self.announced)
            objection = tensor_objection(self.state_dict(), part)
            if objection:
                raise CheckpointError(f'the checkpoint cannot be used: {objection}')
        self.load_report = report
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class LoudPretrainedInit(PretrainedInit):
    """mmengine's ``Pretrained`` for a :class:`LoudLoading`.

    Args:
        checkpoint: a file or URL, as mmengine takes it, with the weights of the backbone or of a
            model around it.
        prefix: where the backbone's weights stand, such as ``'backbone.'``. Where they stand in one
            other place only, that is taken.
        map_location: as in ``torch.load``.
    """

    def __call__(self, module: LoudLoading) -> None:
        content = read_checkpoint(self.checkpoint, self.map_location)
        try:
            weights = weights_of(content)
            place = backbone_prefix(weights, module, self.prefix)
            part = part_of(weights, place)
            under = f', under {place!r}' if part and place else ''
            tell(f'weights of {self.checkpoint}{under}')
            if module.strict_loading:
                elsewhere = [key for key in weights if not key.startswith(place)]
                _refuse_incomplete(LoadReport.of(module, part, elsewhere))
            module.load_state_dict(part, strict=False)
        except CheckpointError as error:
            raise CheckpointError(f'{self.checkpoint}: {error}') from error
        if hasattr(module, '_params_init_info'):
            update_init_info(module, init_info=self._get_init_info())


def part_of(weights: dict[str, Any], prefix: str) -> dict[str, Any]:
    """What stands in ``weights`` under ``prefix``, by its names without it."""
    return {key[len(prefix) :]: value for key, value in weights.items() if key.startswith(prefix)}


def tell(message: object, level: int = logging.INFO) -> None:
    """Log with mmengine's current logger, on the first process only."""
    if is_main_process():
        print_log(str(message), logger='current', level=level)


def tell_report(report: LoadReport, as_expected: bool) -> None:
    """Log a report, as a warning where it is not what a user would expect."""
    tell(report, logging.INFO if as_expected else logging.WARNING)


def _is_pretrained(step: dict) -> bool:
    return step['type'] in ('Pretrained', PretrainedInit)


def _after_loading(module: nn.Module, incompatible_keys: Any) -> None:
    assert isinstance(module, LoudLoading)
    report, announced = module.load_report, module.announced
    assert report is not None
    module.announced = None
    by_torch = isinstance(incompatible_keys, TorchIncompatibleKeys)  # which heeds its own `strict`
    if module.strict_loading and not by_torch:
        _refuse_incomplete(report, announced)
    if report != announced:
        tell_report(report, as_expected=report.complete)


def _refuse_incomplete(
    report: LoadReport,
    announced: LoadReport | None = None,
    way_out: str = ' (strict_loading=False on the backbone takes what fits)',
) -> None:
    objection = report.objection()
    if objection is None:
        return
    if report != announced:
        tell_report(report, as_expected=False)
    raise CheckpointError(f'{objection}{way_out}')
