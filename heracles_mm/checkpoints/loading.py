"""Load weights into modules: found in whatever file holds them, reported, and never in part unless
the user says so."""

import copy
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.nn.modules.module import _IncompatibleKeys as TorchIncompatibleKeys

from heracles_mm.checkpoints.load_report import LoadReport
from heracles_mm.checkpoints.reading import read_checkpoint
from heracles_mm.checkpoints.recognise import find_prefix, part_of, weights_of
from heracles_mm.checkpoints.same_kind import tensor_objection
from heracles_mm.errors import CheckpointError

WAY_OUT = ' (strict_loading=False on the backbone takes what fits)'


def load_weights(
    module: nn.Module,
    checkpoint: str | Path | dict,
    prefix: str | None = None,
    *,
    strict: bool = True,
    map_location: Any = 'cpu',
) -> LoadReport:
    """Read a checkpoint safely, find the weights of ``module`` in it, report on them, load them.

    Args:
        module: a model, or a part of one such as its backbone, of any library.
        checkpoint: a file or URL, whatever its wrapping (see
            :mod:`~heracles_mm.checkpoints.recognise`), or what was read of one.
        prefix: where the module's weights stand, such as ``'backbone.'``. Where they stand in one
            other place only, that is taken.
        strict: refuse what leaves a part of the module as it was, or holds NaN, before anything is
            loaded.
        map_location: as in ``torch.load``.

    Returns:
        The report, which is also logged.

    Raises:
        CheckpointError: the file cannot be read, or was refused.
    """
    is_read = isinstance(checkpoint, dict)
    content: Any = checkpoint
    if not isinstance(checkpoint, dict):
        content = read_checkpoint(checkpoint, map_location)
    try:
        weights = weights_of(content)
        place = find_prefix(weights, module, prefix)
        part = part_of(weights, place)
        if not is_read:
            log(f'weights of {checkpoint}{f", under {place!r}" if part and place else ""}')
        elsewhere = [key for key in weights if not key.startswith(place)]
        if strict:
            report = LoadReport.of(module, part, elsewhere)
            if isinstance(module, CheckedLoading):
                module._refuse_incomplete(report)
            _refuse(report.objection())
            for at, backbone in backbones_of(module).items():
                _refuse(LoadReport.of(backbone, part_of(part, at)).objection())
            _refuse(tensor_objection(module.state_dict(), part))
        report = log_report(module, part, elsewhere)
        fitting = {key: value for key, value in part.items() if key not in report.misshapen}
        module.load_state_dict(fitting, strict=False)
    except CheckpointError as error:
        if is_read:
            raise
        raise CheckpointError(f'{checkpoint}: {error}') from error
    return report


class CheckedLoading(nn.Module):
    """A backbone that reports every load of weights, in whatever way they come.

    Both torch's and mmengine's ``load_state_dict`` call :meth:`_load_from_state_dict` of each
    module before, and its post-hooks after, the loading of its part: the report is made in the
    first and logged in the second. So a detector's ``load_from``, a resumed run, ``init_cfg``, an
    inferencer and plain torch are all served without a change to mmengine.

    A load that leaves tensors of the backbone as they were is a :class:`CheckpointError`, unless
    the user said otherwise: by ``strict_loading=False``, or by ``strict=False`` of torch's own
    ``load_state_dict`` (of this module or of one around it).

    mmengine's tools find ``init_cfg``, ``is_init`` and ``init_weights`` as on its BaseModule, whose
    import takes longer than all of this package.

    Args:
        init_cfg: mmengine's. ``Pretrained`` goes to :func:`load_weights`.
        strict_loading: whether an incomplete load is an error.

    Attributes:
        load_report: of the last load, None before it.
        logged_report: a report that was logged already, as a part of a larger one.
    """

    def __init__(self, init_cfg: dict | list | None, strict_loading: bool) -> None:
        super().__init__()
        self.init_cfg = copy.deepcopy(init_cfg)
        self.is_init = False
        self.strict_loading = strict_loading
        self.load_report: LoadReport | None = None
        self.logged_report: LoadReport | None = None
        self.register_load_state_dict_post_hook(_after_loading)

    def init_weights(self) -> None:
        """Apply ``init_cfg`` once, ``Pretrained`` at the end as in mmengine.

        Raises:
            CheckpointError: the file cannot be read, or does not hold the whole backbone.
        """
        if self.is_init:
            name = type(self).__name__
            log(f'init_weights of {name} has been called more than once.', logging.WARNING)
            return
        steps = [self.init_cfg] if isinstance(self.init_cfg, dict) else self.init_cfg or []
        if others := [step for step in steps if not _is_pretrained(step)]:
            from mmengine.model import initialize

            initialize(self, others)
        for step in filter(_is_pretrained, steps):
            options = {key: value for key, value in step.items() if key != 'type'}
            load_weights(self, **options, strict=self.strict_loading)
        self.is_init = True

    def load_state_dict(
        self, state_dict: Any, strict: bool = True, assign: bool = False
    ) -> TorchIncompatibleKeys:
        """As torch's, but an incomplete state dict is refused beforehand and in one sentence."""
        if strict:
            report = LoadReport.of(self, state_dict)
            self._refuse_incomplete(report, way_out='')
        return super().load_state_dict(state_dict, strict, assign)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        part = part_of(state_dict, prefix)
        *_, unexpected_keys, _ = rest
        report = LoadReport.of(self, part, elsewhere=unexpected_keys)
        if self.strict_loading:
            if report.misshapen:  # torch refuses them too; mmengine warns
                self._refuse_incomplete(report)
            _refuse(tensor_objection(self.state_dict(), part))
        self.load_report = report
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def _refuse_incomplete(self, report: LoadReport, way_out: str = WAY_OUT) -> None:
        if not report.complete and report != self.logged_report:
            log(report, logging.WARNING)
        _refuse(report.objection(), way_out)


def backbones_of(model: nn.Module) -> dict[str, CheckedLoading]:
    """The backbones of this package in a model: prefix with its dot -> backbone."""
    return {
        f'{name}.' if name else '': module
        for name, module in model.named_modules()
        if isinstance(module, CheckedLoading)
    }


def with_prefix(weights: dict[str, Any], prefix: str, backbone: CheckedLoading) -> dict[str, Any]:
    """``weights`` with the backbone's under ``prefix``, wherever they stood."""
    place = find_prefix(weights, backbone, prefix)
    if place == prefix:
        return weights
    own = tuple(f'{place}{name}.' for name, _ in backbone.named_children())
    log(f'the weights of the backbone stand under {place!r}, this model has them under {prefix!r}')
    return {
        prefix + key[len(place) :] if key.startswith(own) else key: value
        for key, value in weights.items()
    }


def log_report(
    model: nn.Module, weights: dict[str, Tensor], elsewhere: Iterable[str] = ()
) -> LoadReport:
    """Log what ``weights`` will bring a model; its backbones then log nothing of their own."""
    report = LoadReport.of(model, weights, elsewhere)
    backbones = backbones_of(model)
    parts = [LoadReport.of(backbones[at], part_of(weights, at)) for at in backbones]
    as_expected = all(part.complete for part in parts or [report])
    log(report, logging.INFO if as_expected else logging.WARNING)
    for backbone, part in zip(backbones.values(), parts):
        if part == report or not part.kept:
            backbone.logged_report = part
    return report


def log(message: object, level: int = logging.INFO) -> None:
    """Log with mmengine's current logger, on the first process only."""
    if is_main_process():
        print_log(str(message), logger='current', level=level)


def _refuse(objection: str | None, way_out: str = '') -> None:
    if objection is not None:
        raise CheckpointError(f'{objection}{way_out}')


def _is_pretrained(step: dict) -> bool:
    kind = step['type']
    return getattr(kind, '__name__', kind) in ('Pretrained', 'PretrainedInit')


def _after_loading(module: nn.Module, incompatible_keys: Any) -> None:
    assert isinstance(module, CheckedLoading)
    report = module.load_report
    assert report is not None
    by_torch = isinstance(incompatible_keys, TorchIncompatibleKeys)  # which heeds its own `strict`
    if module.strict_loading and not by_torch:
        module._refuse_incomplete(report)
    if report != module.logged_report:
        log(report, logging.INFO if report.complete else logging.WARNING)
    module.logged_report = None
