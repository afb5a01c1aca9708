"""Say that data are missing, and if it can be seen then, before anything is built."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

DOWNLOADS_ITSELF = ('CIFAR10', 'CIFAR100', 'MNIST', 'FashionMNIST')
"""mmpretrain's data sets that fetch their files when ``data_root`` lacks them."""

_ENVIRONMENT_VARIABLE = re.compile(r'\{\{[\'"]?\s*\$(\w+)\s*:\s*(\S*?)\s*[\'"]?\}\}')
"""mmengine's substitution in a config's text: ``{{$NAME:default}}``."""


@dataclass(frozen=True)
class MissingPath:
    """A path that the config needs and that does not exist."""

    path: str
    needed_by: str
    """The part of the config that needs it, such as 'train_dataloader'."""
    option: str
    """The config key that moves it, such as 'train_dataloader.dataset.data_root'."""
    value: str
    """What the config has for ``option``."""


def missing_data(cfg: Config, stages: tuple[str, ...]) -> str | None:
    """Return one sentence about the data that ``stages`` need and that is not there, or None.

    The data sets of ``{stage}_dataloader`` are looked at, inside wrappers too (``dataset=``,
    ``datasets=[...]``), with ``ann_file`` and ``data_prefix`` joined to ``data_root`` as mmengine's
    BaseDataset does; and ``ann_file`` of ``{stage}_evaluator``. Data sets without paths, remote
    paths and data sets that download themselves are skipped.

    Args:
        cfg: the whole config.
        stages: of 'train', 'val' and 'test', those that will run.
    """
    missing = [path for stage in stages for path in _missing_of_stage(cfg, stage)]
    if not missing:
        return None
    first = missing[0]
    others = len({item.path for item in missing}) - 1
    more = f' (and {others} more path{"s" if others > 1 else ""} of the config)' if others else ''
    variable = _environment_variable(cfg.text, first.value)
    how = f'set the environment variable {variable} to the data folder, or ' if variable else ''
    return (
        f'{first.needed_by} needs {os.path.abspath(first.path)}, which does not exist{more}: '
        f'{how}give its place with --cfg-options {first.option}=PATH'
    )


def _missing_of_stage(cfg: Config, stage: str) -> Iterator[MissingPath]:
    loader = cfg.get(f'{stage}_dataloader')
    if isinstance(loader, dict) and isinstance(loader.get('dataset'), dict):
        name = f'{stage}_dataloader'
        yield from _missing_of_dataset(loader['dataset'], name, f'{name}.dataset')
    evaluators = cfg.get(f'{stage}_evaluator')
    if isinstance(evaluators, dict):
        yield from _missing_of_evaluator(evaluators, f'{stage}_evaluator')
    elif isinstance(evaluators, list):
        for i, evaluator in enumerate(evaluators):
            yield from _missing_of_evaluator(evaluator, f'{stage}_evaluator.{i}')


def _missing_of_evaluator(evaluator: Any, option: str) -> Iterator[MissingPath]:
    path = evaluator.get('ann_file') if isinstance(evaluator, dict) else None
    if isinstance(path, str) and path and not _exists_or_remote(path):
        yield MissingPath(path, option, f'{option}.ann_file', path)


def _missing_of_dataset(dataset: dict, loader: str, option: str) -> Iterator[MissingPath]:
    if isinstance(dataset.get('dataset'), dict):
        yield from _missing_of_dataset(dataset['dataset'], loader, f'{option}.dataset')
    for i, inner in enumerate(dataset.get('datasets') or []):
        if isinstance(inner, dict):
            yield from _missing_of_dataset(inner, loader, f'{option}.datasets.{i}')
    if dataset.get('backend_args') or _downloads_itself(dataset):
        return
    root = dataset.get('data_root') or ''
    files = list(_named_files(dataset))
    for key, path in files:
        if not os.path.isabs(path) and root:
            joined = os.path.join(root, path)
            if not _exists_or_remote(joined):
                yield MissingPath(joined, loader, f'{option}.data_root', root)
        elif not _exists_or_remote(path):
            yield MissingPath(path, loader, f'{option}.{key}', path)
    if root and not files and not _exists_or_remote(root):
        yield MissingPath(root, loader, f'{option}.data_root', root)


def _named_files(dataset: dict) -> Iterator[tuple[str, str]]:
    """Yield (config key, path as written) of a data set's annotation files and folders."""
    annotations = dataset.get('ann_file')
    for path in annotations if isinstance(annotations, (list, tuple)) else [annotations]:
        if isinstance(path, str) and path:
            yield 'ann_file', path
    prefixes = dataset.get('data_prefix')
    named = (
        {f'data_prefix.{key}': path for key, path in prefixes.items()}
        if isinstance(prefixes, dict)
        else {'data_prefix': prefixes}
    )
    for key, path in named.items():
        if isinstance(path, str) and path:
            yield key, path


def _downloads_itself(dataset: dict) -> bool:
    name = str(dataset.get('type')).rpartition('.')[2]
    return dataset.get('download', name in DOWNLOADS_ITSELF) is True


def _exists_or_remote(path: str) -> bool:
    return '://' in path or Path(path).expanduser().exists()


def _environment_variable(config_text: str, value: str) -> str | None:
    """Find the variable that the config's text, bases included, puts at the start of ``value``."""
    for name, default in _ENVIRONMENT_VARIABLE.findall(config_text):
        content = os.environ.get(name, default)
        if content and value.startswith(content):
            return name
    return None
