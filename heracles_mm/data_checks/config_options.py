"""Options of a config that cannot work, or do not do what they look like."""

import difflib
import math
from collections.abc import Iterator
from importlib.util import find_spec

from mmengine.config import Config
from mmengine.registry import OPTIMIZERS

from heracles_mm.data_checks.findings import Odd, shortened
from heracles_mm.data_checks.paths import inner_datasets

PACKAGES = {
    'Lion': 'lion-pytorch',
    'SophiaG': 'Sophia',
    'Adafactor': 'transformers',
    'DAdaptAdam': 'dadaptation',
    'AdamW8bit': 'bitsandbytes',
    'Adam8bit': 'bitsandbytes',
    'SGD8bit': 'bitsandbytes',
}
"""Optimizers that mmengine registers once a package is installed."""

WARM_UPS = ('ConstantLR', 'LinearLR', 'QuadraticWarmupLR')


def config_findings(cfg: Config, stages: tuple[str, ...]) -> Iterator[str]:
    """Find options of a config that disagree with each other or with the length of the run.

    Args:
        cfg: the whole config.
        stages: of 'train', 'val' and 'test', those that will run.
    """
    model = cfg.get('model') or {}
    preprocessor = {
        **(cfg.get('data_preprocessor') or {}),
        **(model.get('data_preprocessor') or {}),
    }
    yield from _picture_scale(preprocessor)
    yield from _class_numbers(cfg, model, preprocessor, stages)
    yield from _lvis(cfg, stages)
    if 'train' in stages:
        yield from _optimizer(cfg)
        yield from _lengths(cfg)


def evaluators(cfg: Config, stage: str, kind: str) -> list[dict]:
    """The options of those evaluators of ``stage`` whose type ends in ``kind``."""
    found = cfg.get(f'{stage}_evaluator') or []
    listed = found if isinstance(found, (list, tuple)) else [found]
    return [one for one in listed if str(one.get('type')).endswith(kind)]


def _lvis(cfg: Config, stages: tuple[str, ...]) -> Iterator[str]:
    """mmdet's data set and metric of LVIS ask for its package when they are used."""
    parts = [
        options
        for stage in stages
        for _, options in inner_datasets(cfg.get(f'{stage}_dataloader'), '')
    ]
    parts += [one for stage in stages for one in evaluators(cfg, stage, 'LVISMetric')]
    names = [str(one.get('type')).rpartition('.')[2] for one in parts]
    if any(name.startswith('LVIS') for name in names) and find_spec('lvis') is None:
        yield "LVIS needs its package: pip install 'heracles-mm[lvis]', or lvis==0.5.3"


def _picture_scale(preprocessor: dict) -> Iterator[str]:
    mean, std = (preprocessor.get(name) or () for name in ('mean', 'std'))
    if std and max(std) <= 1 and max(mean, default=0) <= 1:
        yield Odd(
            f'data_preprocessor has mean {shortened(mean)} and std {shortened(std)}, which are of '
            'pixels from 0 to 1: the pipelines give 0 to 255, so multiply both by 255'
        )


def _class_numbers(
    cfg: Config, model: dict, preprocessor: dict, stages: tuple[str, ...]
) -> Iterator[str]:
    """mmpretrain's classes, which several parts are told."""
    classes = (model.get('head') or {}).get('num_classes')
    if cfg.get('default_scope') != 'mmpretrain' or not isinstance(classes, int):
        return
    mixed = preprocessor.get('num_classes')
    if mixed not in (None, classes) and 'train' in stages:
        sentence = (
            f'data_preprocessor.num_classes is {mixed} and head.num_classes is {classes}: make '
            'them equal'
        )
        yield sentence if (model.get('train_cfg') or {}).get('augments') else Odd(sentence)
    for stage in stages:
        for one in evaluators(cfg, stage, 'Accuracy'):
            topk = one.get('topk', 1)
            most = topk if isinstance(topk, int) else max(topk, default=1)
            if most > classes:
                yield (
                    f'{stage}_evaluator asks for the top {most} of {classes} classes: give topk '
                    f'numbers up to {classes}, such as --cfg-options {stage}_evaluator.topk=1'
                )


def _optimizer(cfg: Config) -> Iterator[str]:
    wrapper = cfg.get('optim_wrapper')
    name = (wrapper.get('optimizer') or {}).get('type') if isinstance(wrapper, dict) else None
    if not isinstance(name, str):
        return
    with OPTIMIZERS.switch_scope_and_registry(cfg.get('default_scope')) as registry:
        if registry.get(name) is not None:
            return
        known = {*OPTIMIZERS.module_dict, *registry.module_dict}
    near = difflib.get_close_matches(name, known, 3, 0.5) or sorted(known)
    if name in PACKAGES:
        how = f'install {PACKAGES[name]}, with which mmengine registers it'
    elif '.' in name:
        how = f'is {name.partition(".")[0]}, the package that it is of, installed?'
    else:
        how = f'take {shortened(near)}, or name the module that registers it in custom_imports'
    yield f'no optimizer {name!r} is registered: {how}'


def _lengths(cfg: Config) -> Iterator[str]:
    """Schedules and evaluations beside the length of the run."""
    loop = cfg.get('train_cfg') or {}
    by_epoch = loop.get('type') == 'EpochBasedTrainLoop' or loop.get('by_epoch', 'type' not in loop)
    unit = 'epochs' if by_epoch else 'iterations'
    total = loop.get('max_epochs' if by_epoch else 'max_iters')
    if not isinstance(total, int):  # a loop of another kind
        return
    if cfg.get('val_cfg') is not None and loop.get('val_begin', 1) > total:
        yield Odd(f'val_begin is {loop["val_begin"]} and the run has {total} {unit}: no evaluation')
    schedulers = cfg.get('param_scheduler') or []
    last, decays = 0.0, False
    for one in [schedulers] if isinstance(schedulers, dict) else schedulers:
        if not isinstance(one, dict) or not isinstance(one.get('type'), str):
            continue
        name, own = one['type'], one.get('by_epoch', True)
        if own != by_epoch:
            if own and name != 'ConstantLR':
                yield Odd(
                    f'{name} counts epochs and the run counts iterations, so it never acts: give '
                    'it by_epoch=False'
                )
            elif not own and one.get('end') == total and name not in WARM_UPS:
                yield Odd(
                    f'{name} ends after {total} iterations of a run of {total} epochs: give it '
                    'by_epoch=True'
                )
            continue
        begin = one.get('begin', 0)
        last = max(last, one.get('end') or begin + one.get('T_max', math.inf))
        decays |= name not in WARM_UPS and not name.startswith('MultiStep')
        steps = [begin + one[key] for key in ('T_max', 'total_steps') if one.get(key)]
        steps += one.get('milestones') or ()
        if beyond := [step for step in steps if step > total]:
            yield Odd(
                f'{name} has steps beyond the end of the run, at {shortened(beyond)} of {total} '
                f'{unit}: the rate never gets there'
            )
    if decays and last < total:
        yield Odd(
            f'the schedule ends after {last:g} of {total} {unit}: the rate stays what it is then'
        )
