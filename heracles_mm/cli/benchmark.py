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

from heracles_mm.benchmark import results
from heracles_mm.benchmark.cell import (
    DTYPES,
    MODES,
    OPTIMIZED,
    Cell,
    Plan,
    Row,
    measure,
    steps_of_a_cell,
)
from heracles_mm.benchmark.machine import environment, load
from heracles_mm.benchmark.suites import BACKBONES, OPERATORS, Suite
from heracles_mm.benchmark.timing import Budget
from heracles_mm.cli.arguments import OneLineParser, at_least
from heracles_mm.cli.progress import Steps
from heracles_mm.cli.running import CommandLine, table_console
from heracles_mm.errors import UserError

NAME = 'benchmark'
EXAMPLES = (
    '--models heracles_s hamsa_s_real swin_t --what forward training memory --sizes 8x224',
    '--models heracles:arch=b,transform=hartley heracles_b --dtypes bfloat16 --modes compiled',
    '--operators --sizes 8x32x56x56 --json filters.json --plot filters.png',
)

BUSY = 0.5
"""Processes beyond our own threads from which on something else was running."""


def benchmark(args: argparse.Namespace) -> None:
    """Measure our backbones beside peers: latency, training step, peak memory."""
    kind = OPERATORS if args.operators else BACKBONES
    plan, device = _plan(args, kind), torch.device(args.device)
    if device.type == 'cuda' and not torch.cuda.is_available():
        raise UserError('--device cuda needs a CUDA device and torch sees none: use --device cpu')
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
    console = table_console()
    _print_about(console, about)
    rows: list[Row] = []
    places = list(itertools.product(sizes, args.dtypes, args.modes))
    steps = Steps(NAME, len(places) * steps_of_a_cell(plan))
    for size, dtype, mode in places:
        cell = Cell(size, dtype, mode, device)
        with steps:
            found = measure(cell, plan, steps.step, steps.note)
        console.print(results.cell_table(cell, found))
        rows += found
        about['load_at_end'] = load()
        if args.csv:  # after every cell: an interrupted run keeps what it measured
            results.write_csv(args.csv, rows)
        if args.json:
            results.write_json(args.json, rows, about)
    for table in (*results.ratio_tables(rows), *results.growth_tables(rows)):
        console.print(table)
    _print_load(console, about)
    if args.plot:
        machine = about['machine']
        name = machine['cpu'] if machine['device'] == 'CPU' else machine['device']
        title = f'{name}, CPU threads: {machine["threads"]}, torch {machine["torch"]}'
        results.plot(rows, title).savefig(args.plot, dpi=130)


def _plan(args: argparse.Namespace, kind: Suite) -> Plan:
    """Fill in what the command line left open, and check it."""
    if kind is OPERATORS and args.dtypes != ['float32']:
        raise UserError('--operators measures in float32, in which filters always compute')
    whats = list(dict.fromkeys(args.what or [kind.what]))
    if any(OPTIMIZED in mode for mode in args.modes) and (
        kind is OPERATORS or whats != ['forward']
    ):
        raise UserError(f'--modes {OPTIMIZED} measures the forward pass of backbones alone')
    if not set(whats) <= set(kind.steps):
        raise UserError(f'--what: choose from {", ".join(kind.steps)}, not {" ".join(whats)}')
    names = list(dict.fromkeys(args.models or kind.models))
    usual = [name for name in kind.baselines if name in names] or names[:1]
    baselines = list(dict.fromkeys(args.baseline or usual))
    if not set(baselines) <= set(names):
        raise UserError(f'--baseline: choose from the models measured, {", ".join(names)}')
    budget = Budget(args.rounds, args.seconds, args.most_rounds)
    return Plan([kind.find(n) for n in names], kind.steps, whats, baselines, budget, args.seed)


def _check_files(args: argparse.Namespace) -> None:
    """Refuse now what could not be written after hours of measuring."""
    for path in (args.csv, args.json, args.plot):
        if path and not path.parent.is_dir():
            raise UserError(f'the folder of {path} does not exist: make it first')
    kinds = Figure().canvas.get_supported_filetypes()
    if args.plot and args.plot.suffix[1:] not in kinds:
        raise UserError(f'--plot: {args.plot} ends in none of {", ".join(sorted(kinds))}')


def _add_arguments(parser: OneLineParser) -> None:
    add = parser.add_argument
    models = (
        f'default: {" ".join(BACKBONES.models)}; also heracles:arch=b,transform=hartley and so on, '
        f'and names of timm; with --operators default: {" ".join(OPERATORS.models)}'
    )
    add('--models', nargs='+', metavar='NAME[:OPTION=VALUE,...]', help=models)
    add('--operators', action='store_true', help='measure single filters instead of backbones')
    sizes = (
        f'BxS or BxHxW, default: {" ".join(BACKBONES.sizes)}; with --operators BxCxHxW, default: '
        f'{" ".join(OPERATORS.sizes)}'
    )
    add('--sizes', nargs='+', metavar='BxHxW', help=sizes)
    add('--dtypes', nargs='+', choices=list(DTYPES), default=['float32'], help='by autocast')
    add('--modes', nargs='+', choices=MODES, default=['eager'])
    whats = (
        f'{", ".join(BACKBONES.steps)} (default: {BACKBONES.what}); with --operators '
        f'{", ".join(OPERATORS.steps)} (default: {OPERATORS.what})'
    )
    add('--what', nargs='+', help=whats)
    baseline = 'what ratios are taken to (default: swin_t, or rfft2 and torch_dct, else the first)'
    add('--baseline', nargs='+', metavar='NAME', help=baseline)
    add('--device', choices=['cpu', 'cuda'], default='cpu')
    add('--threads', type=at_least(1), help="CPU threads (default: torch's own choice)")
    add('--rounds', type=at_least(1), default=5, help='least rounds of a cell (default: 5)')
    seconds = 'least time for the rounds of one kind of measurement in a cell (default: 5)'
    add('--seconds', type=float, default=5, help=seconds)
    add('--most-rounds', type=at_least(1), default=200, help='most rounds of a cell (default: 200)')
    add('--seed', type=int, default=0)
    for name, what in (('csv', 'table'), ('json', 'everything'), ('plot', 'picture, such as png')):
        add(f'--{name}', type=Path, metavar='FILE', help=f'write the {what} to this file')


def _print_about(console: Console, about: dict) -> None:
    machine = about['machine']
    versions = (
        'heracles_mm {heracles_mm}, torch {torch}, Python {python}, on {device}, CPU threads: '
    )
    console.print((versions + '{threads}').format(**machine))
    console.print('CPU: {cpu}, {cpu_cores} cores, {cpu_capability}'.format(**machine))
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


main = CommandLine(benchmark, _add_arguments, EXAMPLES)

if __name__ == '__main__':
    sys.exit(main())
