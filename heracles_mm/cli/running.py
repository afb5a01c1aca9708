"""How every command line runs and ends: a user's mistake in one line, any other error in full."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence

import torch.distributed as dist
from rich.console import Console

from heracles_mm.cli.arguments import OneLineParser
from heracles_mm.cli.causes import known_cause
from heracles_mm.engine.process_group import close_process_group, release_frames
from heracles_mm.errors import UserError

USAGE_ERROR = 2
DATASETS = logging.getLogger('heracles_mm.datasets')


class CommandLine:
    """The ``main`` of a tool: called with ``argv`` (default: sys.argv), it returns the exit code.

    Args:
        tool: takes the parsed arguments; its name and docstring are those of the command line.
        add_arguments: adds them to the parser.
        examples: of OneLineParser.
    """

    def __init__(
        self,
        tool: Callable[[argparse.Namespace], None],
        add_arguments: Callable[[OneLineParser], None],
        examples: Sequence[str],
    ) -> None:
        self.tool, self.add_arguments, self.examples = tool, add_arguments, examples

    def parser(self) -> OneLineParser:
        name, description = self.tool.__name__, self.tool.__doc__
        parser = OneLineParser(prog=name, description=description, examples=self.examples)
        self.add_arguments(parser)
        return parser

    def __call__(self, argv: list[str] | None = None) -> int:
        return run_tool(self.tool.__name__, lambda: self.tool(self.parser().parse_args(argv)))


def run_tool(name: str, tool: Callable[[], None]) -> int:
    """Call ``tool`` and return the exit code, 0 or, after a UserError, 2.

    A UserError is one line on stderr, from the first process of each machine. Any other error goes
    on: Python prints its traceback, and where its cause is known, a last line about that. The
    process group is closed here, where the tool's frames no longer hold its runner. What the data
    sets log, such as that scenes are composed, is printed on stderr too.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(f'{name}: %(message)s'))
    handler.addFilter(lambda record: _is_first_of_machine())
    try:
        DATASETS.addHandler(handler)
        DATASETS.setLevel(logging.INFO)
        tool()
    except UserError as error:
        print_line(name, f'error: {error}')
        return USAGE_ERROR
    except BaseException as error:
        if isinstance(error, Exception) and (cause := known_cause(error)):
            if sys.version_info >= (3, 11):
                error.add_note(f'{name}: error: {cause}')
            else:  # above the traceback
                print_line(name, f'error: {cause}')
        if dist.is_available() and dist.is_initialized():  # else a debugger looks into the frames
            release_frames(error)
        raise
    finally:
        DATASETS.removeHandler(handler)
        close_process_group()
    return 0


def print_line(name: str, message: str) -> None:
    """Print one line on stderr, once for each machine."""
    if _is_first_of_machine():
        print(f'{name}: {" ".join(message.split())}', file=sys.stderr, flush=True)


def table_console(width: int = 120) -> Console:
    """What prints tables; they have ``width`` columns where the output goes into a file."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else width)


def _is_first_of_machine() -> bool:
    return os.environ.get('LOCAL_RANK', '0') == '0'
