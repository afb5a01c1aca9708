"""Options that a part's constructor does not name, also where it would swallow them."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from mmengine import registry
from mmengine.config import Config
from mmengine.registry import DefaultScope, Registry

REGISTRIES = (
    registry.DATASETS,
    registry.DATA_SAMPLERS,
    registry.HOOKS,
    registry.LOG_PROCESSORS,
    registry.LOOPS,
    registry.METRICS,
    registry.MODELS,
    registry.OPTIMIZERS,
    registry.OPTIM_WRAPPERS,
    registry.PARAM_SCHEDULERS,
    registry.TASK_UTILS,
    registry.TRANSFORMS,
    registry.VISBACKENDS,
    registry.VISUALIZERS,
)

TAKEN_BEFORE = {
    'OptimWrapper': {'constructor', 'paramwise_cfg'},
    'LinearLR': {'convert_to_iter_based'},
    'CosineAnnealingLR': {'convert_to_iter_based'},
    'EMAHook': {'priority'},
}
"""Options that mmengine takes out before it calls the constructor."""

PASSES_ON = {
    'RandomResize': 'Resize',
    'RandomChoiceResize': 'Resize',
    'EMAHook': 'ExpMomentumEMA',
    'NamedDetLocalVisualizer': 'DetLocalVisualizer',
    'NamedUniversalVisualizer': 'UniversalVisualizer',
}
"""Parts that hand the options they do not know to another, which rejects those it does not."""

PLAIN = {
    'data_prefix': {'img', 'seg', 'img_path', 'seg_map_path', 'sub_data_root'},
    'hparams': {'interpolation', 'pad_val'},
}
"""Dicts without a type of which the libraries take what they know and pass over the rest."""


def unknown_options(cfg: Config) -> list[str]:
    """Paths of the options that nothing of their ``type`` or name takes."""
    return sorted(_unknown(cfg, cfg._cfg_dict, ''))


@contextmanager
def registered(root: Registry, library: str) -> Iterator[Registry]:
    """The registry of a ``library`` below ``root``, or ``root`` if it has none."""
    scope = DefaultScope.overwrite_default_scope(library)
    with scope, root.switch_scope_and_registry(None) as registry:
        yield registry


def _unknown(cfg: Config, value: Any, path: str, name: str = '') -> Iterator[str]:
    if isinstance(value, dict):
        known = _known_options(cfg, value.get('type')) or PLAIN.get(name)
        if known is not None and 'resize_type' in value:  # handed to that in place of Resize
            known |= _known_options(cfg, value['resize_type']) or set()
        yield from (f'{path}{key}' for key in value if known is not None and key not in known)
        for key, inner in value.items():
            yield from _unknown(cfg, inner, f'{path}{key}.', key)
    elif isinstance(value, (list, tuple)):
        for i, inner in enumerate(value):
            yield from _unknown(cfg, inner, f'{path}{i}.')


def _known_options(cfg: Config, kind: Any) -> set[str] | None:
    """What the classes registered as ``kind`` take.

    None where there is no such class, as for ``type='nms'``, or it is one of ours with
    ``**options``, which rejects by itself what it does not know.
    """
    if not isinstance(kind, str):
        return None
    classes = _classes(cfg.default_scope, kind)
    if not classes or any(_rejects_by_itself(cls) for cls in classes):
        return None
    known = {'type', *(name for cls in classes for name in _parameters(cls))}
    known |= TAKEN_BEFORE.get(kind, set())
    if kind in PASSES_ON:
        known |= _known_options(cfg, PASSES_ON[kind]) or set()
    return known


@cache
def _classes(library: str, kind: str) -> list[Any]:
    found = []
    for root in REGISTRIES:
        with registered(root, library) as registry:
            found.append(registry.get(kind))
    return [one for one in found if one is not None]


def _rejects_by_itself(cls: Any) -> bool:
    constructor = vars(cls).get('__init__') if inspect.isclass(cls) else None
    if constructor is None or not cls.__module__.startswith('heracles_mm.'):
        return False
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(constructor).parameters.values())


def _parameters(cls: Any) -> Iterator[str]:
    """Names of the constructor's parameters, and of its bases' while it passes the rest on."""
    for owner in inspect.getmro(cls) if inspect.isclass(cls) else [cls]:
        constructor = vars(owner).get('__init__') if inspect.isclass(owner) else owner
        if not inspect.isfunction(constructor):
            continue
        parameters = inspect.signature(constructor).parameters.values()
        yield from (p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD))
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return
