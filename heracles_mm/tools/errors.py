"""Mistakes of the user end in one sentence and exit code 2, never in a traceback."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from heracles_mm.checkpoints import CheckpointError
from heracles_mm.engine.dataset_check import DataError
from heracles_mm.engine.distributed import (
    LauncherError,
    close_process_group,
    told_and_released,
)
from heracles_mm.tools.build_errors import about_build_error
from heracles_mm.tools.load_errors import about_load_error
from heracles_mm.tools.picture_errors import about_picture_error
from heracles_mm.tools.setup_errors import about_setup_error

CRASH = 1
USAGE_ERROR = 2
DATASETS = logging.getLogger('heracles_mm.datasets')


class ToolError(Exception):
    """Something that the user can put right; the message is one sentence saying how."""


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are ToolErrors instead of a usage text of many lines.

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
            **options,
        )

    def error(self, message: str) -> NoReturn:
        raise ToolError(f'{message} (see --help)')


def run_tool(name: str, tool: Callable[[], None]) -> int:
    """Call ``tool`` and return the exit code: 0, or 2 after one line on stderr.

    In a run of several processes only the first of each machine speaks of a mistake, and their
    process group is closed here, where the tool's frames no longer hold its runner: after an error
    of a program too, whose traceback is printed before (exit code 1).
    What the data sets log, such as that scenes are composed, is said on stderr too.
    """
    teller = _Teller(name)
    try:
        DATASETS.addHandler(teller)
        DATASETS.setLevel(logging.INFO)
        tool()
    except (ToolError, CheckpointError, DataError, LauncherError) as error:
        _tell(name, str(error))
        return USAGE_ERROR
    except Exception as error:
        sentence = (
            about_build_error(error)
            or about_picture_error(error)
            or about_load_error(error)
            or about_setup_error(error)
        )
        if sentence is None:
            if told_and_released(error):
                return CRASH
            raise
        _tell(name, sentence)
        return USAGE_ERROR
    finally:
        DATASETS.removeHandler(teller)
        close_process_group()
    return 0


def say(name: str, message: str) -> None:
    """Print one line on stderr, once for each machine."""
    if os.environ.get('LOCAL_RANK', '0') == '0':
        print(f'{name}: {" ".join(message.split())}', file=sys.stderr, flush=True)


class _Teller(logging.Handler):
    """Says what is logged."""

    def __init__(self, tool: str) -> None:
        super().__init__()
        self.tool = tool

    def emit(self, record: logging.LogRecord) -> None:
        say(self.tool, record.getMessage())


def _tell(name: str, message: str) -> None:
    say(name, f'error: {message}')
