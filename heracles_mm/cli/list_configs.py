"""List the configs of this package: ``python -m heracles_mm.cli.list_configs [--task TASK]``.

Everything is read from the files: names and parameters from the metafiles, the rest from each
config's first comment. Tests hold both against what the config builds. No mm library is needed.
"""

import json
import sys
from dataclasses import asdict, dataclass
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from heracles_mm.cli.running import OneLineParser, run_tool
from heracles_mm.configs import CONFIGS, config_path, read_header

NAME = 'list_configs'
TASKS = {
    'Image Classification': 'classification',
    'Object Detection': 'detection',
    'Instance Segmentation': 'detection',
    'Semantic Segmentation': 'segmentation',
}
"""A metafile's task to the ``--task`` that lists it: one for each library."""


@dataclass(frozen=True)
class Listed:
    """One line of the list; ``parameters`` counts the whole model."""

    name: str
    task: str
    method: str
    backbone: str
    data: str
    schedule: str
    parameters: int


def main(argv: list[str] | None = None) -> int:
    """Print the list; ``argv`` defaults to the command line. Returns the exit code."""
    return run_tool(NAME, lambda: list_configs(argv))


def list_configs(argv: list[str] | None) -> None:
    """Parse ``argv`` and print, raising the errors that ``main`` turns into a sentence."""
    args = _parser().parse_args(argv)
    configs = [config for config in listed_configs() if args.task in (None, config.task)]
    if args.json:
        print(json.dumps([asdict(config) for config in configs], indent=1))
    else:
        # A table that is piped keeps its columns.
        console = Console(width=None if sys.stdout.isatty() else 200)
        console.print(_table(configs))


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog=NAME,
        description='List the configs of this package.',
        examples=('', '--task detection', '--task segmentation --json'),
    )
    parser.add_argument('--task', choices=sorted(set(TASKS.values())), help='list these alone')
    parser.add_argument('--json', action='store_true', help='print a JSON list')
    return parser


def listed_configs() -> list[Listed]:
    """What the metafiles list, by task, then name."""
    models = [
        model
        for metafile in sorted(CONFIGS.glob('metafile_*.yml'))
        for model in yaml.safe_load(metafile.read_text())['Models']
    ]
    return sorted((_listed(model) for model in models), key=lambda one: (one.task, one.name))


def _listed(model: dict[str, Any]) -> Listed:
    header = read_header(config_path(model['Name']))
    return Listed(
        name=model['Name'],
        task=TASKS[model['Results'][0]['Task']],
        method=header.method,
        backbone=header.backbone,
        data=header.data,
        schedule=header.schedule,
        parameters=model['Metadata']['Parameters'],
    )


def _table(configs: list[Listed]) -> Table:
    table = Table('name', 'task', 'method', 'backbone', 'data', 'schedule')
    table.add_column('parameters', justify='right')
    for config in configs:
        *words, parameters = asdict(config).values()
        table.add_row(*words, f'{parameters:,}')
    return table


if __name__ == '__main__':
    sys.exit(main())
