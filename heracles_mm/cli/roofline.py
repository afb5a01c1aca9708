"""What models cost a device on paper: ``python -m heracles_mm.cli.roofline``.

Every operator that eager mode would launch, its operations, bytes and kernels, and the time that a
device needs for them at its peaks; no GPU is needed. --measure finds the peaks of this CPU, and
--against holds the estimates against what tools/benchmark.py measured. What the figures mean:
docs/roofline.md.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch

from heracles_mm.benchmark.candidates import Candidate, candidate
from heracles_mm.benchmark.cell import COMPILED, MODES, OPTIMIZED
from heracles_mm.benchmark.suites import BACKBONES, picture_size
from heracles_mm.benchmark.timing import Budget
from heracles_mm.benchmark.workloads import optimized
from heracles_mm.checkpoints.writing import check_output
from heracles_mm.cli.arguments import OneLineParser, at_least
from heracles_mm.cli.progress import Steps
from heracles_mm.cli.running import CommandLine, table_console
from heracles_mm.errors import UserError
from heracles_mm.roofline import report
from heracles_mm.roofline.comparison import Pass, compare, read_measured
from heracles_mm.roofline.devices import GPUS, Device, device_of, write_device
from heracles_mm.roofline.estimate import in_a_graph, seconds_of
from heracles_mm.roofline.fusion import fused
from heracles_mm.roofline.launches import Launch
from heracles_mm.roofline.measured import DTYPES, measure
from heracles_mm.roofline.recording import STEPS, record

NAME = 'roofline'
BASELINE = 'swin_t'
EXAMPLES = (
    '--models hamsa_s swin_t --sizes 64x224 --what forward training --dtypes bfloat16',
    '--models hamsa_s --sizes 1x224 --devices H100 --detail hamsa_s',
    '--measure cpu.json',
    '--devices cpu.json --against times.json',
)


def roofline(args: argparse.Namespace) -> None:
    """What models cost a device on paper."""
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.measure:
        _measure(args)
        return
    devices = [device_of(text) for text in dict.fromkeys(args.devices)]
    if args.graph:
        devices = [in_a_graph(device) if device.is_cuda else device for device in devices]
    if len({device.is_cuda for device in devices}) > 1:
        raise UserError('--devices takes GPUs or a measured CPU: their operators are not the same')
    for path in (args.json, args.against):
        if path and not path.parent.is_dir():
            raise UserError(f'the folder of {path} does not exist')
    if args.json:
        check_output(args.json, *args.devices, args.against)
    if args.against:
        _compare(args.against, devices)
    else:
        _estimate(args, devices)


def _measure(args: argparse.Namespace) -> None:
    if not args.measure.parent.is_dir():
        raise UserError(f'the folder of {args.measure} does not exist: make it first')
    with Steps(NAME, 1) as steps:
        steps.step('measuring this CPU')
        device = measure(Budget(5, args.seconds, 200), steps.note)
    write_device(args.measure, device)
    print(device.source)
    for kind, rates in device.rates.items():
        shown = ', '.join(f'{rate / 1e9:.4g} {dtype}' for dtype, rate in rates.items())
        print(f'  {kind}: G operations per second: {shown}')
    levels = ', '.join(f'{speed / 1e9:.4g} up to {reach:.3g} B' for reach, speed in device.memory)
    print(f'  memory: GB per second: {levels}')
    print(f'  launch: {device.launch * 1e6:.3g} microseconds')


def _estimate(args: argparse.Namespace, devices: Sequence[Device]) -> None:
    models = [candidate(name) for name in dict.fromkeys(args.models)]
    missing = set(args.detail) - {model.name for model in models}
    if missing:
        raise UserError(f'--detail: {", ".join(sorted(missing))} is not among --models')
    if 'training' in args.what and any(mode.startswith(OPTIMIZED) for mode in args.modes):
        raise UserError(f'--modes {OPTIMIZED} is for --what forward: such a model cannot train')
    cells = list(itertools.product(dict.fromkeys(args.sizes), args.what, args.dtypes, args.modes))
    console, data = table_console(), []
    steps = Steps(NAME, len(cells) * len(models))
    for device in devices:
        console.print(f'{device.name}: {device.source}; {device.launch * 1e6:.3g} µs a launch')
    for size, what, dtype, mode in cells:
        rows, details = {}, []
        for model in models:
            each = Pass(model.name, size, what, dtype, mode)
            with steps:
                steps.step(f'{model.name}, {each.cell}')
                launches = launches_of(model, each, devices[0].is_cuda)
            rows[model.name] = row = report.totals(launches, devices)
            by = None
            if model.name in args.detail:
                by = report.parts(launches, devices[0])
                title = f'{model.name}, {each.cell}, {devices[0].name}'
                details += [report.parts_table(title, key, part) for key, part in by.items()]
            data.append(report.as_data(each, row, by))
        console.print(report.totals_table(each.cell, rows, devices, args.baseline))
        for table in details:
            console.print(table)
    if args.json:
        about = {device.name: device.source for device in devices}
        args.json.write_text(json.dumps({'devices': about, 'rows': data}, indent=1) + '\n')


def _compare(path: Path, devices: Sequence[Device]) -> None:
    measured = read_measured(path)
    steps, console = Steps(NAME, len(measured)), table_console()

    @cache
    def recorded(each: Pass) -> Sequence[Launch]:
        with steps:
            steps.step(f'{each.model}, {each.cell}')
            return launches_of(candidate(each.model), each, devices[0].is_cuda)

    for device in devices:
        console.print(f'{device.name}: {device.source}')

        def estimate(each: Pass, device: Device = device) -> float:
            return sum(seconds_of(recorded(each), device))

        for cell, rows in compare(measured, estimate, BASELINE).items():
            console.print(report.comparison_table(cell, device, rows))


def launches_of(model: Candidate, each: Pass, as_cuda: bool) -> Sequence[Launch]:
    """What a pass launches, each operator by itself or, compiled, in fused regions."""
    shape, dtype = picture_size(each.size).shape, DTYPES[each.dtype]
    module = model.build(shape)
    if each.mode.startswith(OPTIMIZED):
        module, dtype = optimized(module, model.is_ours, torch.randn(shape), dtype), torch.float32
    found = record(module, STEPS[each.what], shape, dtype, as_cuda)
    return fused(found) if each.mode.endswith(COMPILED) else found


def _add_arguments(parser: OneLineParser) -> None:
    add = parser.add_argument
    models, sizes = BACKBONES.models, ['1x224', '64x224']
    text = f"the benchmark's names and options, default: {' '.join(models)}"
    add('--models', nargs='+', default=models, metavar='NAME[:OPTION=VALUE,...]', help=text)
    add('--sizes', nargs='+', default=sizes, metavar='BxHxW', help='default: %(default)s')
    add('--what', nargs='+', choices=list(STEPS), default=['forward'])
    add('--dtypes', nargs='+', choices=list(DTYPES), default=['bfloat16'], help='by autocast')
    devices = f'{", ".join(GPUS)} (default: A100 H100), or a file of --measure'
    add('--devices', nargs='+', default=['A100', 'H100'], metavar='NAME', help=devices)
    modes = 'compiled: chains of elementwise operators as one kernel each (default: eager)'
    add('--modes', nargs='+', choices=MODES, default=['eager'], help=modes)
    add('--graph', action='store_true', help='kernels replayed by a CUDA graph')
    add('--baseline', default=BASELINE, help='what ratios are taken to (default: %(default)s)')
    detail = 'of --models, also by module, operator and kind, on the first device'
    add('--detail', nargs='+', default=[], metavar='NAME', help=detail)
    add('--json', type=Path, metavar='FILE', help='write everything to this file')
    add('--measure', type=Path, metavar='FILE', help='write the peaks of this CPU, and no more')
    add('--against', type=Path, metavar='FILE', help="compare with tools/benchmark.py's --json")
    add('--threads', type=at_least(1), help="CPU threads (default: torch's own choice)")
    add('--seconds', type=float, default=1, help='least time for each call of --measure')


main = CommandLine(roofline, _add_arguments, EXAMPLES)

if __name__ == '__main__':
    sys.exit(main())
