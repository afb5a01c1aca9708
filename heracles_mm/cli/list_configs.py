"""List the configs of this package: ``python -m heracles_mm.cli.list_configs [--task TASK]``.

Everything is read from the metafiles, which tests hold against what each config builds. No mm
library is needed.
"""

import argparse
import json
import sys
from dataclasses import asdict

from rich.table import Table

from heracles_mm.cli.arguments import OneLineParser
from heracles_mm.cli.running import CommandLine, table_console
from heracles_mm.configs import TASKS, listed_configs

EXAMPLES = ('', '--task detection', '--task segmentation --json')
COLUMNS = ('name', 'task', 'method', 'backbone', 'data', 'schedule')


def list_configs(args: argparse.Namespace) -> None:
    """List the configs of this package."""
    configs = [config for config in listed_configs() if args.task in (None, config.task)]
    if args.json:
        print(json.dumps([asdict(config) for config in configs], indent=1))
        return
    table = Table(*COLUMNS)
    table.add_column('parameters', justify='right')
    for config in configs:
        table.add_row(*(getattr(config, name) for name in COLUMNS), f'{config.parameters:,}')
    table_console(width=200).print(table)


def _add_arguments(parser: OneLineParser) -> None:
    parser.add_argument('--task', choices=sorted(set(TASKS.values())), help='list these alone')
    parser.add_argument('--json', action='store_true', help='print a JSON list')


main = CommandLine(list_configs, _add_arguments, EXAMPLES)

if __name__ == '__main__':
    sys.exit(main())
