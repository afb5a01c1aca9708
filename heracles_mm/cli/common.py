"""What training and testing share: the flags, the config, the runner."""

import argparse
import importlib.util
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from mmengine.config import Config, DictAction
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

import heracles_mm.engine  # noqa: F401  (registers our hooks)
from heracles_mm.checkpoints import check_checkpoint_file, read_plain_checkpoints_only
from heracles_mm.cli.running import OneLineParser, print_line
from heracles_mm.data_checks.content import content_fault
from heracles_mm.data_checks.paths import missing_data
from heracles_mm.engine.distributed import local_rank, prepare_launcher
from heracles_mm.errors import UserError
from heracles_mm.installation import LIBRARIES, installed, overwritten, refused


def config_parser(
    name: str,
    description: str,
    default_config: Path | None = None,
    examples: Sequence[str] = (),
) -> OneLineParser:
    """Make a parser with the config file and --cfg-options."""
    parser = OneLineParser(
        prog=name, description=description, examples=examples, allow_abbrev=False
    )
    if default_config is None:
        parser.add_argument('config', help='config file')
    else:
        parser.add_argument(
            'config', nargs='?', default=default_config, help='config file (default: %(default)s)'
        )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='override settings of the config: key=value, lists as key="[a,b]" or key=a,b',
    )
    return parser


def tool_parser(
    name: str,
    description: str,
    default_config: Path | None = None,
    examples: Sequence[str] = (),
) -> OneLineParser:
    """Make a parser with the flags that every tool over a runner has; mmdet's names."""
    parser = config_parser(name, description, default_config, examples)
    parser.add_argument(
        '--work-dir', help='folder for logs and results (default: ./work_dirs/<config name>)'
    )
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='let the checkpoint named here hold Python objects, which may run code when loaded',
    )
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local-rank', '--local_rank', type=int, default=0)
    return parser


def parse(parser: OneLineParser, argv: list[str] | None) -> argparse.Namespace:
    """Parse ``argv``, and set LOCAL_RANK where a launcher passed it under another name."""
    try:
        args = parser.parse_args(argv)
    except ValueError as error:  # mmengine's DictAction, for an option without '='
        raise UserError(f'--cfg-options takes KEY=VALUE pairs ({error})') from error
    if 'local_rank' in args:
        os.environ.setdefault('LOCAL_RANK', local_rank(args.launcher, args.local_rank))
    return args


def read_config(args: argparse.Namespace) -> Config:
    """Read the config file and apply --cfg-options.

    Raises:
        UserError: the file or one of its bases is missing or broken, an option does not fit, or the
            library of ``default_scope`` is not installed or cannot work with what is.
    """
    path = Path(args.config).expanduser()
    if not path.is_file():
        raise UserError(f'the config file {args.config} does not exist (looked in {os.getcwd()})')
    cfg = _read_config(path)
    if args.cfg_options:
        try:
            cfg.merge_from_dict(args.cfg_options)
        except (KeyError, TypeError, IndexError) as error:
            raise UserError(f'--cfg-options does not fit the config {path}: {error}') from error
    _check_library(cfg, path)
    return cfg


def load_config(args: argparse.Namespace) -> Config:
    """Read the config as ``read_config``, apply --launcher and --work-dir, make the work folder.

    The work folder is --work-dir, else the config's ``work_dir``, else ./work_dirs/<config name>.

    Raises:
        UserError: as ``read_config``, or the folder cannot be made.
    """
    cfg = read_config(args)
    cfg.launcher = args.launcher
    default = os.path.join('work_dirs', Path(args.config).stem)
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or default
    try:
        os.makedirs(cfg.work_dir, exist_ok=True)
    except OSError as error:
        raise UserError(
            f'the work folder {cfg.work_dir} cannot be made: {error.strerror}'
        ) from error
    return cfg


def check_data(cfg: Config, stages: tuple[str, ...]) -> None:
    """Raise a UserError about data of ``stages`` that are missing or do not fit."""
    for stage in stages:
        loader = cfg.get(f'{stage}_dataloader')
        for part in ('dataset', 'sampler'):
            if isinstance(loader, dict) and isinstance(loader.get(part), (str, list, int, float)):
                raise UserError(
                    f'{stage}_dataloader.{part} must be a dict with a type, not {loader[part]!r}'
                )
    sentence = missing_data(cfg, stages) or content_fault(cfg, stages)
    if sentence is not None:
        raise UserError(sentence)


def check_checkpoint_path(path: str) -> None:
    """Raise a CheckpointError about a local checkpoint that is no file."""
    if '://' not in path:
        check_checkpoint_file(path)


@contextmanager
def open_runner(name: str, cfg: Config, trusted: str | None) -> Iterator[Runner]:
    """Build the runner of ``cfg``; inside the context its checkpoints are read and written safely.

    Args:
        name: of the tool, for messages.
        cfg: the config, which gets PlainCheckpointHook and LoadReportHook if it does not list them.
        trusted: a checkpoint file that may hold Python objects.
    """
    hooks = cfg.get('custom_hooks') or []
    listed = {type_name(hook) for hook in hooks if isinstance(hook, dict)}
    ours = [{'type': name} for name in ('PlainCheckpointHook', 'LoadReportHook')]
    cfg.custom_hooks = [*hooks, *(hook for hook in ours if hook['type'] not in listed)]
    _limit_dynamo_cache()
    change = prepare_launcher(cfg)
    if change:
        print_line(name, change)
    with read_plain_checkpoints_only(trusted):
        yield RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)


def default_loader_settings(cfg: Config, stages: tuple[str, ...]) -> None:
    """Give mmpretrain's dataloaders the settings that its own tools add and its configs rely on."""
    if cfg.get('default_scope') != 'mmpretrain':
        return
    for stage in stages:
        loader = cfg.get(f'{stage}_dataloader')
        if loader:
            loader.setdefault('collate_fn', {'type': 'default_collate'})
            loader.setdefault('pin_memory', torch.cuda.is_available())
            loader.setdefault('persistent_workers', loader.get('num_workers', 0) > 0)


def type_name(part: dict) -> str:
    """Return the ``type`` of a config part without scope; lazy configs hold the class itself."""
    kind = part.get('type', '')
    return kind.rpartition('.')[2] if isinstance(kind, str) else kind.__name__


def _read_config(path: Path) -> Config:
    try:
        return Config.fromfile(path)
    except FileNotFoundError as error:
        raise UserError(f'the config {path} names a file that does not exist: {error}') from error
    except ImportError as error:
        raise UserError(f'the config {path} needs an import that fails: {error}') from error
    except SyntaxError as error:
        raise UserError(f'the config {path} is not valid Python: {error}') from error
    except (KeyError, OSError) as error:  # a variable without value, duplicate keys, a wrong suffix
        message = error.args[0] if error.args else error
        raise UserError(f'the config {path} cannot be read: {message}') from error


def _check_library(cfg: Config, path: Path) -> None:
    scope = cfg.get('default_scope')
    if not isinstance(scope, str | None):
        raise UserError(f'default_scope must be the name of a library, not {scope!r}')
    if scope in LIBRARIES and importlib.util.find_spec(scope) is None:
        raise UserError(
            f'the config {path} needs {scope}, which is not installed: pip install '
            f"'heracles-mm[openmmlab]' (or {LIBRARIES[scope][0]} alone)"
        )
    if scope in LIBRARIES:
        versions = installed()
        for sentence in overwritten(versions):
            raise UserError(sentence)
        if scope in refused(versions):
            try:
                importlib.import_module(scope)
            except AssertionError as error:
                raise UserError(refused(versions)[scope]) from error


def _limit_dynamo_cache() -> None:
    """As mmdet's tools: DYNAMO_CACHE_SIZE_LIMIT bounds the recompilations of ``compile=True``."""
    limit = os.environ.get('DYNAMO_CACHE_SIZE_LIMIT')
    if limit is None:
        return
    if not limit.isdigit():
        raise UserError(f'DYNAMO_CACHE_SIZE_LIMIT must be a whole number, not {limit!r}')
    import torch._dynamo

    torch._dynamo.config.cache_size_limit = int(limit)
