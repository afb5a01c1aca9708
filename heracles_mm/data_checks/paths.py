"""Are the paths there that a config names?"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS

from heracles_mm.data_checks.findings import Odd

LIBRARIES = ('mmengine', 'mmcv', 'mmdet', 'mmseg', 'mmpretrain', 'heracles_mm')
"""Whose data sets and transforms are known here."""

DOWNLOADS_ITSELF = ('CIFAR10', 'CIFAR100', 'MNIST', 'FashionMNIST')
"""mmpretrain's data sets that fetch their files when ``data_root`` lacks them."""

ENVIRONMENT_VARIABLE = re.compile(r'\{\{[\'"]?\s*\$(\w+)\s*:\s*(\S*?)\s*[\'"]?\}\}')
"""mmengine's substitution in a config's text: ``{{$NAME:default}}``."""


def missing_data(cfg: Config, stages: tuple[str, ...]) -> str | None:
    """Return one sentence about the data that ``stages`` need and that is not there, or None."""
    return next((one for one in path_findings(cfg, stages) if not isinstance(one, Odd)), None)


def path_findings(cfg: Config, stages: tuple[str, ...]) -> Iterator[str]:
    """Find the data that ``stages`` need and that is not there.

    The data sets of ``{stage}_dataloader`` are looked at, inside wrappers too (``dataset=``,
    ``datasets=[...]``), with ``ann_file``, ``csv_file`` and ``data_prefix`` joined to ``data_root``
    as mmengine's BaseDataset does; and ``ann_file`` and ``seg_prefix`` of ``{stage}_evaluator``.
    Data sets without paths, remote paths and data sets that download themselves are skipped; a data
    set that lists its data in a way of its own may make them, too.
    """
    missing: dict[type[str], list[tuple[str, str, str]]] = {str: [], Odd: []}
    for stage in stages:
        for path, option, value, kind in _named_paths(cfg, stage):
            if '://' not in path and not Path(path).expanduser().exists():
                missing[kind].append((path, option, value))
    for kind, paths in missing.items():
        if paths:
            yield kind(_missing_text(cfg, paths))


def _missing_text(cfg: Config, missing: list[tuple[str, str, str]]) -> str:
    path, option, value = missing[0]
    part = re.sub(r'\.(dataset|ann_file)\b.*', '', option)
    others = len({path for path, _, _ in missing}) - 1
    more = f' (and {others} more path{"s" if others > 1 else ""} of the config)' if others else ''
    variables = ENVIRONMENT_VARIABLE.findall(cfg.text)  # of the config's bases too
    starts = {name: os.environ.get(name, default) for name, default in variables}
    variable = next((name for name, at in starts.items() if at and value.startswith(at)), None)
    is_file = option.endswith('_file') and value == starts.get(variable)
    kind = 'file' if is_file else 'data folder'
    how = f'set the environment variable {variable} to the {kind}, or ' if variable else ''
    return (
        f'{part} needs {os.path.abspath(path)}, which does not exist{more}: '
        f'{how}give its place with --cfg-options {option}=PATH'
    )


def inner_datasets(options: Any, option: str) -> Iterator[tuple[str, dict]]:
    """Yield the config key and the options of each data set.

    ``options``, at the config key ``option``, are those of a dataloader, a wrapper (RepeatDataset,
    ConcatDataset and their kind) or a data set.
    """
    if not isinstance(options, dict):
        return
    inner = {f'{option}.datasets.{i}': one for i, one in enumerate(options.get('datasets') or [])}
    inner[f'{option}.dataset'] = options.get('dataset')
    wrapped = {key: one for key, one in inner.items() if isinstance(one, dict)}
    for key, one in wrapped.items():
        yield from inner_datasets(one, key)
    if not wrapped:
        yield option, options


def _named_paths(cfg: Config, stage: str) -> Iterator[tuple[str, str, str, type[str]]]:
    """Yield each path, the config key that moves it, what the config has for that key, and the kind
    of finding that its absence is."""
    loader, evaluator = f'{stage}_dataloader', f'{stage}_evaluator'
    for option, options in inner_datasets(cfg.get(loader), loader):
        name = str(options.get('type')).rpartition('.')[2]
        if options.get('backend_args') or options.get('download', name in DOWNLOADS_ITSELF) is True:
            continue
        kind = Odd if _lists_its_own(options.get('type')) else str
        root = options.get('data_root') or ''
        named = {key: options.get(key) for key in ('ann_file', 'csv_file', 'data_prefix')}
        files = list(_texts(named, option))
        for key, path in files:
            if root and not os.path.isabs(path):
                yield os.path.join(root, path), f'{option}.data_root', root, kind
            else:
                yield path, key, path, kind
        if root and not files:
            yield root, f'{option}.data_root', root, kind
    for key, path in _texts(cfg.get(evaluator), evaluator):
        if key.endswith(('.ann_file', '.seg_prefix')):
            yield path, key, path, str


def _lists_its_own(kind: Any) -> bool:
    """Whether a registered data set is a user's that lists its data in a way of its own."""
    if isinstance(kind, str):
        name = kind.rpartition('.')[2]
        registries = [DATASETS, *DATASETS.children.values()]  # none is imported for this
        found = (registry.module_dict.get(name) for registry in registries)
        kind = next((one for one in found if one), None)
    method = getattr(kind, 'load_data_list', None)
    return getattr(method, '__module__', LIBRARIES[0]).split('.')[0] not in LIBRARIES


def _texts(value: Any, option: str) -> Iterator[tuple[str, str]]:
    """Yield every text in a config's value that is not empty, with its config key."""
    if isinstance(value, str) and value:
        yield option, value
    elif isinstance(value, (dict, list, tuple)):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(one, f'{option}.{key}')
