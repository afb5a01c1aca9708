"""How every command line ends: a mistake of the user in one line, any other error in full."""

import argparse
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from heracles_mm.cli.causes import known_cause
from heracles_mm.engine.distributed import close_process_group, release_frames
from heracles_mm.errors import UserError

CRASH = 1
USAGE_ERROR = 2
DATASETS = logging.getLogger('heracles_mm.datasets')


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
            **options,
        )

    def error(self, message: str) -> NoReturn:
        raise UserError(f'{message} (see --help)')


def run_tool(name: str, tool: Callable[[], None]) -> int:
    """Call ``tool`` and return the exit code: 0, 2 after a UserError, 1 after any other error.

    A UserError is one line on stderr, from the first process of each machine. Any other error is
    its traceback, and where its cause is known, a last line about that. The process group is closed
    here, where the tool's frames no longer hold its runner. What the data sets log, such as that
    scenes are composed, is printed on stderr too.
    """
    handler = _StderrHandler(name)
    try:
        DATASETS.addHandler(handler)
        DATASETS.setLevel(logging.INFO)
        tool()
    except UserError as error:
        print_line(name, f'error: {error}')
        return USAGE_ERROR
    except Exception as error:
        traceback.print_exception(error)
        if cause := known_cause(error):
            print_line(name, f'error: {cause}')
        release_frames(error)
        return CRASH
    finally:
        DATASETS.removeHandler(handler)
        close_process_group()
    return 0


def print_line(name: str, message: str) -> None:
    """Print one line on stderr, once for each machine."""
    if os.environ.get('LOCAL_RANK', '0') == '0':
        print(f'{name}: {" ".join(message.split())}', file=sys.stderr, flush=True)


class _StderrHandler(logging.Handler):
    def __init__(self, tool: str) -> None:
        super().__init__()
        self.tool = tool

    def emit(self, record: logging.LogRecord) -> None:
        print_line(self.tool, record.getMessage())
