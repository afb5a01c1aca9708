"""Measure our backbones beside peers: ``python -m heracles_mm.cli.benchmark``.

Latency, training step and peak memory of backbones, or of filters alone with --operators. All
candidates take turns in every round, and each figure is also given as ratio to a baseline. What
the figures mean: docs/benchmark.md.
"""

import argparse
import itertools
import sys
from pathlib import Path

import torch
from matplotlib.figure import Figure
from rich.console import Console

from heracles_mm.benchmark.cell import DTYPES, MODES, Cell, Plan, Row, measure, steps_of_a_cell
from heracles_mm.benchmark.machine import environment, load
from heracles_mm.benchmark.subjects import BACKBONES, OPERATORS, Kind
from heracles_mm.benchmark.table import (
    cell_table,
    growth_tables,
    plot,
    ratio_tables,
    write_csv,
    write_json,
)
from heracles_mm.benchmark.timing import Budget
from heracles_mm.cli.progress import Steps
from heracles_mm.cli.running import OneLineParser, run_tool
from heracles_mm.errors import UserError

NAME = 'benchmark'
WIDTH = 120
"""Columns of the tables where the output goes into a file."""

EXAMPLES = (
    '--models heracles_s hamsa_s_real swin_t --what forward training memory --sizes 8x224',
    '--models heracles:arch=b,transform=hartley heracles_b --dtypes bfloat16 --modes compiled',
    '--operators --sizes 8x32x56x56 --json filters.json --plot filters.png',
)

BUSY = 0.5
"""Processes beyond our own threads that say: something else was running."""


def main(argv: list[str] | None = None) -> int:
    """Measure; ``argv`` defaults to the command line. Returns the exit code."""
    return run_tool(NAME, lambda: benchmark(argv))


def benchmark(argv: list[str] | None) -> None:
    """Parse ``argv`` and measure, raising the errors that ``main`` turns into a sentence."""
    args = _parser().parse_args(argv)
    kind = OPERATORS if args.operators else BACKBONES
    plan, device = _plan(args, kind), _device(args.device)
    sizes = [kind.read_size(text) for text in dict.fromkeys(args.sizes or kind.sizes)]
    _check_files(args)
    if args.threads:
        torch.set_num_threads(args.threads)
    about: dict = {
        'machine': environment(device),
        'load_at_start': load(),
        'seed': plan.seed,
        'budget': plan.budget._asdict(),
        'built': {candidate.name: candidate.built for candidate in plan.candidates},
    }
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    _print_about(console, about)
    rows: list[Row] = []
    places = list(itertools.product(sizes, args.dtypes, args.modes))
    steps = Steps(NAME, len(places) * steps_of_a_cell(plan))
    for size, dtype, mode in places:
        cell = Cell(size, dtype, mode, device)
        with steps:
            found = measure(cell, plan, steps.step, steps.note)
        console.print(cell_table(cell, found))
        rows += found
        about['load_at_end'] = load()
        if args.csv:  # after every cell: an interrupted run keeps what it measured
            write_csv(args.csv, rows)
        if args.json:
            write_json(args.json, rows, about)
    for table in (*ratio_tables(rows), *growth_tables(rows)):
        console.print(table)
    _print_load(console, about)
    if args.plot:
        plot(rows, _title(about['machine'])).savefig(args.plot, dpi=130)


def _plan(args: argparse.Namespace, kind: Kind) -> Plan:
    """Fill in what the command line left open, and check it."""
    if kind is OPERATORS and args.dtypes != ['float32']:
        raise UserError('--operators measures in float32, in which filters always compute')
    whats = list(dict.fromkeys(args.what or [kind.what]))
    if not set(whats) <= set(kind.steps):
        raise UserError(f'--what: choose from {", ".join(kind.steps)}, not {" ".join(whats)}')
    names = list(dict.fromkeys(args.models or kind.models))
    usual = [name for name in kind.baselines if name in names] or names[:1]
    baselines = list(dict.fromkeys(args.baseline or usual))
    if not set(baselines) <= set(names):
        raise UserError(f'--baseline: choose from the models measured, {", ".join(names)}')
    budget = Budget(args.rounds, args.seconds, args.most_rounds)
    return Plan([kind.find(n) for n in names], kind.steps, whats, baselines, budget, args.seed)


def _device(name: str) -> torch.device:
    if name == 'cuda' and not torch.cuda.is_available():
        raise UserError('--device cuda needs a CUDA device and torch sees none: use --device cpu')
    return torch.device(name)


def _check_files(args: argparse.Namespace) -> None:
    """Refuse now what could not be written after hours of measuring."""
    for path in (args.csv, args.json, args.plot):
        if path and not path.parent.is_dir():
            raise UserError(f'the folder of {path} does not exist: make it first')
    kinds = Figure().canvas.get_supported_filetypes()
    if args.plot and args.plot.suffix[1:] not in kinds:
        raise UserError(f'--plot: {args.plot} ends in none of {", ".join(sorted(kinds))}')


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog=NAME,
        description='Measure our backbones beside peers: latency, training step, peak memory.',
        examples=EXAMPLES,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        '--models',
        nargs='+',
        metavar='NAME[:OPTION=VALUE,...]',
        help=f'default: {" ".join(BACKBONES.models)}; also heracles:arch=b,transform=hartley and '
        f'so on, and names of timm; with --operators default: {" ".join(OPERATORS.models)}',
    )
    add('--operators', action='store_true', help='measure single filters instead of backbones')
    add(
        '--sizes',
        nargs='+',
        metavar='BxHxW',
        help=f'BxS or BxHxW, default: {" ".join(BACKBONES.sizes)}; with --operators BxCxHxW, '
        f'default: {" ".join(OPERATORS.sizes)}',
    )
    add('--dtypes', nargs='+', choices=list(DTYPES), default=['float32'], help='by autocast')
    add('--modes', nargs='+', choices=MODES, default=['eager'])
    add(
        '--what',
        nargs='+',
        help=f'{", ".join(BACKBONES.steps)} (default: {BACKBONES.what}); with --operators '
        f'{", ".join(OPERATORS.steps)} (default: {OPERATORS.what})',
    )
    add(
        '--baseline',
        nargs='+',
        metavar='NAME',
        help='what ratios are taken to (default: swin_t, or rfft2 and torch_dct; the first model '
        'where these are not measured)',
    )
    add('--device', choices=['cpu', 'cuda'], default='cpu')
    add('--threads', type=_positive, help="CPU threads (default: torch's own choice)")
    add('--rounds', type=_positive, default=5, help='least rounds of a cell (default: 5)')
    add(
        '--seconds',
        type=float,
        default=5,
        help='least time for the rounds of one kind of measurement in a cell (default: 5)',
    )
    add('--most-rounds', type=_positive, default=200, help='most rounds of a cell (default: 200)')
    add('--seed', type=int, default=0)
    for name, what in (('csv', 'table'), ('json', 'everything'), ('plot', 'picture, such as png')):
        add(f'--{name}', type=Path, metavar='FILE', help=f'write the {what} to this file')
    return parser


def _positive(text: str) -> int:
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


_positive.__name__ = 'positive whole number'  # argparse puts it into its sentence


def _title(machine: dict) -> str:
    device = machine['cpu'] if machine['device'] == 'CPU' else machine['device']
    return f'{device}, CPU threads: {machine["threads"]}, torch {machine["torch"]}'


def _print_about(console: Console, about: dict) -> None:
    machine = about['machine']
    console.print(
        f'heracles_mm {machine["heracles_mm"]}, torch {machine["torch"]}, Python '
        f'{machine["python"]}, on {machine["device"]}, CPU threads: {machine["threads"]}'
    )
    console.print(
        f'CPU: {machine["cpu"]}, {machine["cpu_cores"]} cores, {machine["cpu_capability"]}'
    )
    variables = ', '.join(f'{name}={value}' for name, value in machine['variables'].items())
    console.print(f'Environment: {variables or "no variable for threads or allocators is set"}')
    console.print(f'Random weights and inputs, seed {about["seed"]}. Candidates:')
    for name, built in about['built'].items():
        console.print(f'  {name}: {built}', markup=False)


def _print_load(console: Console, about: dict) -> None:
    first, last = about['load_at_start'], about['load_at_end']
    if first is None:
        return
    console.print(f'Load average over a minute: {first:.1f} at start, {last:.1f} at end')
    if first > BUSY or last > about['machine']['threads'] + BUSY:
        console.print('Other work was running: trust ratios, not times.')


if __name__ == '__main__':
    sys.exit(main())
