"""The arguments of the tools, and how they are read."""

import argparse
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from mmengine.config import DictAction

from heracles_mm.engine.launchers import local_rank
from heracles_mm.errors import UserError


class Settings(DictAction):
    """mmengine's KEY=VALUE pairs, without what it makes texts of or never comes to an end with."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        try:
            if any(re.search(r'=.*(\{\s*[\'"]|dict\()', value) for value in values):
                raise AssertionError('a dict')
            super().__call__(parser, namespace, values, option_string)
        except (AssertionError, RecursionError) as error:
            raise UserError(
                '--cfg-options takes no dicts and no unbalanced brackets: write a dict key by key, '
                'model.backbone.dim=32 model.backbone.depth=3 for dict(dim=32, depth=3)'
            ) from error


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are UserErrors instead of a usage text of many lines.

    Args:
        examples: what may follow the tool's name on a command line; --help ends with them.
        options: those of ArgumentParser; description and epilog keep their lines.
    """

    def __init__(self, *, prog: str, examples: Sequence[str] = (), **options: Any) -> None:
        lines = ['examples:', *(f'  python tools/{prog}.py {words}'.rstrip() for words in examples)]
        super().__init__(
            prog=prog,
            epilog='\n'.join(lines) if examples else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **options,
        )

    def parse_args(self, *args: Any, **kwargs: Any) -> Any:
        """Also set LOCAL_RANK where a launcher passed it under another name."""
        try:
            parsed = super().parse_args(*args, **kwargs)
        except ValueError as error:  # mmengine's DictAction, for an option without '='
            raise UserError(f'--cfg-options takes KEY=VALUE pairs ({error})') from error
        if 'local_rank' in parsed:
            os.environ.setdefault('LOCAL_RANK', local_rank(parsed.launcher, parsed.local_rank))
        return parsed

    def error(self, message: str) -> NoReturn:
        raise UserError(f'{message} (see --help)')


def at_least(least: int) -> Callable[[str], int]:
    """What reads a whole number from ``least`` on, as the ``type`` of an argument."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(
                f'takes a whole number of at least {least}, not {text!r}'
            )
        return int(text)

    return read


def add_config(parser: argparse.ArgumentParser, default: Path | None = None) -> None:
    """Add the config file and --cfg-options."""
    if default is None:
        parser.add_argument('config', help='config file')
    else:
        text = 'config file (default: %(default)s)'
        parser.add_argument('config', nargs='?', default=default, help=text)
    text = 'override settings of the config: key=value, lists as key="[a,b]" or key=a,b'
    add = parser.add_argument
    add('--cfg-options', nargs='+', action=Settings, metavar='KEY=VALUE', help=text)


def add_trust_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Add --trust-checkpoint."""
    text = 'let the checkpoint named here hold Python objects, which may run code when loaded'
    parser.add_argument('--trust-checkpoint', action='store_true', help=text)


def add_runner(parser: argparse.ArgumentParser, default: Path | None = None) -> None:
    """Add the flags that every tool over a runner has; mmdet's names."""
    add_config(parser, default)
    folder = 'folder for logs and results (default: ./work_dirs/<config name>)'
    parser.add_argument('--work-dir', help=folder)
    levels = 'read no data before the run, a sample (the default) or everything, for what is wrong'
    parser.add_argument('--check-data', choices=['off', 'sample', 'full'], help=levels)
    add_trust_checkpoint(parser)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local-rank', '--local_rank', type=int, default=0)


def height_and_width(option: str, sides: Sequence[int], least: int) -> tuple[int, int]:
    """The size in px that ``option`` was given as one side, or as height and width."""
    if len(sides) > 2 or min(sides) < least:
        raise UserError(
            f'{option} takes a side or height and width of at least {least} px, '
            f'got {" ".join(map(str, sides))}'
        )
    return sides[0], sides[-1]
