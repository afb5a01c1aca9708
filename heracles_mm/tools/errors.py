"""Mistakes of the user end in one sentence and exit code 2, never in a traceback."""

import argparse
import os
import re
import sys
from collections.abc import Callable
from typing import NoReturn

from heracles_mm.checkpoints import CheckpointError
from heracles_mm.engine.dataset_check import DataError
from heracles_mm.engine.distributed import LauncherError

USAGE_ERROR = 2

_UNKNOWN_TYPE = re.compile(r'(\S+) is not in the (\S+?)(?:::(\S+))? registry')


class ToolError(Exception):
    """Something that the user can put right; the message is one sentence saying how."""


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are ToolErrors instead of a usage text of many lines."""

    def error(self, message: str) -> NoReturn:
        raise ToolError(f'{message} (see --help)')


def run_tool(name: str, tool: Callable[[], None]) -> int:
    """Call ``tool`` and return the exit code: 0, or 2 after one line on stderr.

    In a run of several processes only the first of each machine speaks.
    """
    try:
        tool()
    except (ToolError, CheckpointError, DataError, LauncherError) as error:
        _tell(name, str(error))
        return USAGE_ERROR
    except KeyError as error:
        unknown = _UNKNOWN_TYPE.search(str(error))
        if unknown is None:
            raise
        _tell(name, _about_unknown_type(*unknown.groups()))
        return USAGE_ERROR
    return 0


def say(name: str, message: str) -> None:
    """Print one line on stderr, once for each machine."""
    if os.environ.get('LOCAL_RANK', '0') == '0':
        print(f'{name}: {" ".join(message.split())}', file=sys.stderr, flush=True)


def _tell(name: str, message: str) -> None:
    say(name, f'error: {message}')


def _about_unknown_type(type_name: str, first: str, second: str | None) -> str:
    # 'mmdet::model registry' or, for a type that is a plain name, 'model registry'
    kind = second or first
    return (
        f'the config asks for the {kind.replace("_", " ")} {type_name.strip(chr(34) + chr(39))!r}, '
        'which nothing registered: look for a misspelling, and for the package that brings it in '
        "the config's custom_imports (heracles_mm for the parts of this package)"
    )
