"""What the tools share: the config, its data and checkpoints, the runner."""

import argparse
import importlib.util
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

import heracles_mm.engine  # noqa: F401  (registers our hooks)
from heracles_mm import data_checks
from heracles_mm.checkpoints import check_checkpoint_file, read_plain_checkpoints_only
from heracles_mm.cli.running import print_line
from heracles_mm.data_checks.paths import ENVIRONMENT_VARIABLE
from heracles_mm.engine.launchers import prepare_launcher
from heracles_mm.errors import UserError
from heracles_mm.installation import LIBRARIES, installed, overwritten, refused

BACKSLASH = (
    'a backslash, which mmengine takes for part of a pattern when it puts variables into a config: '
    'write / for it, or give the path with --cfg-options'
)


def read_config(args: argparse.Namespace, *needed: str) -> Config:
    """Read the config file and apply --cfg-options.

    Raises:
        UserError: the file, one of its bases or an import is missing, an option does not fit, one
            of the ``needed`` sections is absent, or the library of ``default_scope`` is not
            installed or cannot work with what is. Any other error is the config's own.
    """
    path = Path(args.config).expanduser()
    if not path.is_file():
        raise UserError(f'the config file {args.config} does not exist (looked in {os.getcwd()})')
    try:
        cfg = Config.fromfile(path)
    except FileNotFoundError as error:
        raise UserError(f'the config {path} names a file that does not exist: {error}') from error
    except (re.error, SyntaxError) as error:  # "bad escape", or a line that \n broke
        if isinstance(error, SyntaxError) and not _with_backslash(path.read_text('utf-8')):
            raise
        raise UserError(f'a variable that the config {path} takes has {BACKSLASH}') from error
    except ValueError as error:
        taken = [
            name
            for name, value in os.environ.items()
            if f'int() with base 10: {value!r}' in str(error)
        ]
        if not taken:
            raise
        raise UserError(
            f'the config {path} takes a whole number from the environment variable {taken[0]}, '
            f'which is {os.environ[taken[0]]!r}'
        ) from error
    except ImportError as error:
        cause: BaseException = error
        while type(cause) is ImportError and cause.__context__:  # mmengine's, of custom_imports
            cause = cause.__context__
        if not isinstance(cause, ModuleNotFoundError):
            raise
        raise UserError(f'the config {path} needs an import that fails: {cause}') from error
    for name in _with_backslash(cfg.text):  # \t is a tab to mmengine
        raise UserError(f'the environment variable {name} has {BACKSLASH}')
    if args.cfg_options:
        try:
            cfg.merge_from_dict(args.cfg_options)
        except (KeyError, TypeError, IndexError) as error:
            raise UserError(f'--cfg-options does not fit the config {path}: {error}') from error
    if absent := [key for key in needed if not cfg.get(key)]:
        raise UserError(f'the config {args.config} has no {" and no ".join(absent)}')
    _check_library(cfg, path)
    return cfg


def _with_backslash(text: str) -> list[str]:
    """Those environment variables of a config's text whose values have a backslash."""
    names = (name for name, _ in ENVIRONMENT_VARIABLE.findall(text))
    return [name for name in names if '\\' in os.environ.get(name, '')]


def _check_library(cfg: Config, path: Path) -> None:
    scope = cfg.get('default_scope')
    if scope not in LIBRARIES:
        return
    if importlib.util.find_spec(scope) is None:
        raise UserError(
            f'the config {path} needs {scope}, which is not installed: pip install '
            f"'heracles-mm[openmmlab]' (or {LIBRARIES[scope][0]} alone)"
        )
    versions = installed()
    for sentence in overwritten(versions):
        raise UserError(sentence)
    if scope in refused(versions):
        try:
            importlib.import_module(scope)
        except AssertionError as error:
            raise UserError(refused(versions)[scope]) from error


def load_config(args: argparse.Namespace, *needed: str) -> Config:
    """Read the config as ``read_config``, apply the flags of ``add_runner``, make the work folder.

    The work folder is --work-dir, else the config's ``work_dir``, else ./work_dirs/<config name>.

    Raises:
        UserError: as ``read_config``, or the folder cannot be made.
    """
    cfg = read_config(args, *needed)
    cfg.launcher = args.launcher
    cfg.check_data = args.check_data or cfg.get('check_data', 'sample')
    default = os.path.join('work_dirs', Path(args.config).stem)
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or default
    try:
        os.makedirs(cfg.work_dir, exist_ok=True)
    except OSError as error:
        raise UserError(
            f'the work folder {cfg.work_dir} cannot be made: {error.strerror}'
        ) from error
    return cfg


def check_data(name: str, cfg: Config, stages: tuple[str, ...]) -> None:
    """Raise a DataError about data of ``stages`` that cannot train, and print what is odd."""
    data_checks.check_data(cfg, stages, lambda message: print_line(name, f'warning: {message}'))


def check_checkpoint_path(path: str) -> None:
    """Raise a CheckpointError about a local checkpoint that is no file."""
    if '://' not in path:
        check_checkpoint_file(path)


@contextmanager
def open_runner(name: str, cfg: Config, trusted: str | None) -> Iterator[Runner]:
    """Build the runner of ``cfg``; inside the context its checkpoints are read and written safely.

    Args:
        name: of the tool, for messages.
        cfg: the config, which gets our hooks of checkpoints, loads and rehearsal where it has not.
        trusted: a checkpoint file that may hold Python objects.
    """
    hooks = cfg.get('custom_hooks') or []
    listed = {type_name(hook) for hook in hooks if isinstance(hook, dict)}
    names = ('PlainCheckpointHook', 'LoadReportHook', 'RehearsalHook')
    ours = [{'type': name} for name in names]
    cfg.custom_hooks = [*hooks, *(hook for hook in ours if hook['type'] not in listed)]
    if limit := os.environ.get('DYNAMO_CACHE_SIZE_LIMIT'):  # of recompilations, as in mmdet's tools
        importlib.import_module('torch._dynamo').config.cache_size_limit = int(limit)
    if change := prepare_launcher(cfg):
        print_line(name, change)
    with read_plain_checkpoints_only(trusted):
        yield RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)


def default_loader_settings(cfg: Config, stages: tuple[str, ...]) -> None:
    """Give mmpretrain's dataloaders the settings that its own tools add and its configs rely on."""
    for stage in stages if cfg.get('default_scope') == 'mmpretrain' else ():
        if loader := cfg.get(f'{stage}_dataloader'):
            loader.setdefault('collate_fn', {'type': 'default_collate'})
            loader.setdefault('pin_memory', torch.cuda.is_available())
            loader.setdefault('persistent_workers', loader.get('num_workers', 0) > 0)


def type_name(part: dict) -> str:
    """Return the ``type`` of a config part without scope; lazy configs hold the class itself."""
    kind = part.get('type', '')
    return kind.rpartition('.')[2] if isinstance(kind, str) else kind.__name__


def plain(value: Any) -> Any:
    """A metric as JSON knows it: of arrays and tensors their numbers, of NaN nothing (null)."""
    value = value.tolist() if hasattr(value, 'tolist') else value
    if isinstance(value, list):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
