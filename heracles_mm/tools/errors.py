"""Mistakes of the user end in one sentence and exit code 2, never in a traceback."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import NoReturn

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


class ToolError(Exception):
    """Something that the user can put right; the message is one sentence saying how."""


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are ToolErrors instead of a usage text of many lines."""

    def error(self, message: str) -> NoReturn:
        raise ToolError(f'{message} (see --help)')


def run_tool(name: str, tool: Callable[[], None]) -> int:
    """Call ``tool`` and return the exit code: 0, or 2 after one line on stderr.

    In a run of several processes only the first of each machine speaks of a mistake, and their
    process group is closed here, where the tool's frames no longer hold its runner: after an error
    of a program too, whose traceback is printed before (exit code 1).
    """
    try:
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
        close_process_group()
    return 0


def say(name: str, message: str) -> None:
    """Print one line on stderr, once for each machine."""
    if os.environ.get('LOCAL_RANK', '0') == '0':
        print(f'{name}: {" ".join(message.split())}', file=sys.stderr, flush=True)


def _tell(name: str, message: str) -> None:
    say(name, f'error: {message}')
