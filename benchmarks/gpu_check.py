"""Everything that a GPU may do otherwise, on one card, in one run of at most eight minutes.

    python benchmarks/gpu_check.py [--json gpu.json] [--minutes 8] [--checks columns demo ...]
    python benchmarks/gpu_check.py --device cpu --quick      # the same path, small, without a GPU

Every variant of both backbones, forward and backward, in float32 and under float16 and bfloat16
autocast, against float64 on the CPU; compiled, in a CUDA graph, with recomputed blocks; mmcv's
operators by torchvision; 200 steps of the demo with --amp; the benchmark's columns, and beside them
what the roofline says. One JSON file and one table. A check that fails says why, and the others go
on; those for which no time is left are listed as not run.
"""

import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from common import log, options
from mmcv_operators import cases, difference, outcome
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

import heracles_mm.cli.benchmark
import heracles_mm.cli.train
from heracles_mm import Hamsa, Heracles, config_path, optimize_for_inference
from heracles_mm.benchmark.candidates import candidate
from heracles_mm.benchmark.machine import environment
from heracles_mm.cli.roofline import launches_of
from heracles_mm.roofline.comparison import Pass, compare, read_measured
from heracles_mm.roofline.devices import GPUS, Device
from heracles_mm.roofline.estimate import seconds_of

VARIANTS = {
    'heracles': partial(Heracles, spectral_stages=2),
    'heracles, kv_grid': partial(Heracles, kv_grid=3),
    'heracles, hartley': partial(Heracles, spectral_stages=2, transform='hartley'),
    'heracles, convolution': partial(
        Heracles, spectral_stages=2, transform='hartley', hartley_product='convolution'
    ),
    'hamsa': Hamsa,
    'hamsa, real': partial(Hamsa, kernel='real'),
    'hamsa, grid': partial(Hamsa, fft_axes='grid'),
    'hamsa, grid, real': partial(Hamsa, fft_axes='grid', kernel='real'),
}
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
FAMILIES = ('heracles', 'hamsa')
ROUNDINGS = {'maps': 8, 'gradients': 64}
"""Most that a half type may be off, in units of its precision; float32 has a thousand of its own,
since its sums run over maps."""


class Finding(NamedTuple):
    """What a check found: a number and the most that it may be, or words."""

    check: str
    case: str
    value: float | None = None
    limit: float | None = None
    words: str = ''

    @property
    def verdict(self) -> str:
        if self.words:
            return self.words
        if self.limit is None:
            return ''
        return 'ok' if self.value is not None and self.value <= self.limit else 'TOO LARGE'


class Bench(NamedTuple):
    """Where it runs, and how large: pictures and steps are few with ``quick``."""

    device: str
    quick: bool

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (2, 3, 48, 32) if self.quick else (4, 3, 224, 160)

    def build(self, variant: str, **settings: object) -> nn.Module:
        torch.manual_seed(0)
        arch = 'nano' if self.quick or variant not in FAMILIES else 's'
        model = VARIANTS[variant](arch, img_size=self.shape[2:], drop_path_rate=0.0, **settings)
        return model.train()

    def pictures(self) -> Tensor:
        return torch.randn(self.shape, generator=torch.Generator().manual_seed(0))

    def compile(self, model: nn.Module) -> Callable:
        backend = 'aot_eager' if self.quick else 'inductor'
        return torch.compile(model, fullgraph=True, dynamic=False, backend=backend)


def results(model: Callable, parameters: list[Tensor], x: Tensor) -> dict[str, list[Tensor]]:
    """Maps, and gradients of a weighted sum of them."""
    maps = model(x)
    loss = sum(
        (m.float() * torch.linspace(-1, 1, m.shape[-1], device=m.device)).mean() for m in maps
    )
    return {'maps': list(maps), 'gradients': list(torch.autograd.grad(loss, parameters))}


def apart(found: list[Tensor], expected: list[Tensor]) -> float:
    """Norm of all differences over that of what is expected; infinite where a number is not one."""
    flat = [torch.cat([t.double().cpu().flatten() for t in each]) for each in (found, expected)]
    error = ((flat[0] - flat[1]).norm() / flat[1].norm()).item()
    return error if math.isfinite(error) else math.inf


def limit_of(what: str, dtype: torch.dtype) -> float:
    times = 1000 if dtype == torch.float32 else 1
    return times * ROUNDINGS[what] * torch.finfo(dtype).eps


def against_float64(bench: Bench) -> Iterator[Finding]:
    for variant in VARIANTS:
        model = bench.build(variant, norm_eval=True)
        x = bench.pictures()
        exact = model.double()
        expected = results(exact, list(exact.parameters()), x.double())
        model = model.float().to(bench.device)
        for dtype in DTYPES:
            half = dtype != torch.float32
            with torch.autocast(bench.device, dtype=dtype, enabled=half):
                found = results(model, list(model.parameters()), x.to(bench.device))
            for what, limit in ((w, limit_of(w, dtype)) for w in found):
                value = apart(found[what], expected[what])
                yield Finding(
                    'against float64', f'{variant}, {name_of(dtype)}, {what}', value, limit
                )


def other_ways(bench: Bench) -> Iterator[Finding]:
    """Compiled and with recomputed blocks a model computes what it does in eager mode."""
    for variant in FAMILIES:
        x = bench.pictures().to(bench.device)
        model = bench.build(variant, norm_eval=True).to(bench.device)
        parameters = list(model.parameters())
        expected = results(model, parameters, x)
        model.set_grad_checkpointing(True)
        ways = {'with_cp': results(model, parameters, x)}
        model.set_grad_checkpointing(False)
        ways['compiled'] = results(bench.compile(model), parameters, x)
        for way, found in ways.items():
            for what in found:
                value, limit = apart(found[what], expected[what]), limit_of(what, torch.float32)
                yield Finding(way, f'{variant}, float32, {what}', value, limit)


@torch.no_grad()
def for_inference(bench: Bench) -> Iterator[Finding]:
    graph = 'cuda-graph' if bench.device == 'cuda' else False
    for variant in FAMILIES:
        x = bench.pictures().to(bench.device)
        model = bench.build(variant).to(bench.device).eval()
        for dtype in DTYPES:
            for way in dict.fromkeys((False, graph)):
                fast = optimize_for_inference(model, x, dtype, compile=way)
                fast(torch.zeros_like(x))  # a graph must take each new picture
                value = apart(list(fast(x)), list(model(x)))
                case = f'{variant}, {name_of(dtype)}, {way or "eager"}'
                yield Finding('optimized', case, value, limit_of('maps', dtype))
    if not graph:
        yield Finding('optimized', 'CUDA graphs', words='left out: they need a GPU')


def mmcv_operators(bench: Bench) -> Iterator[Finding]:
    """By torchvision and plain torch, against the same on the CPU."""
    mine, theirs = cases(bench.device), cases('cpu')
    for name in list(mine)[: 2 if bench.quick else None]:
        found, expected = ([t.cpu() for t in outcome(*each[name])] for each in (mine, theirs))
        same = all(a.shape == b.shape for a, b in zip(found, expected, strict=True))
        value = difference(found, expected) if same else math.inf
        yield Finding('mmcv operators', name, value, 1e-3)


def demo(bench: Bench) -> Iterator[Finding]:
    """The demo's detector trains: the loss of its last steps over that of its first."""
    steps, flags = (2, []) if bench.quick else (200, ['--amp'])
    settings = [f'train_cfg.max_iters={steps}', f'train_cfg.val_interval={10 * steps}']
    settings += ['default_hooks.logger.interval=1', 'log_processor.window_size=1']
    settings += ['train_dataloader.batch_size=2'] if bench.quick else []
    for part in ('train', 'val'):  # few scenes, which are composed on the first run
        counts = f'{part}_dataloader.dataset.num_train=64', f'{part}_dataloader.dataset.num_val=4'
        settings += [*counts, f'{part}_dataloader.num_workers=0']
        settings += [f'{part}_dataloader.persistent_workers=False']
    with tempfile.TemporaryDirectory() as folder:
        config = str(config_path('mask_rcnn_hamsa_nano_scenes'))
        line = [config, '--work-dir', folder, '--rehearse', 'off', '--check-data', 'off', *flags]
        if code := heracles_mm.cli.train.main([*line, '--cfg-options', *settings]):
            raise RuntimeError(f'training ended with exit code {code}')
        (file,) = Path(folder).glob('*/vis_data/scalars.json')
        lines = [json.loads(text) for text in file.read_text().splitlines()]
    losses = [line['loss'] for line in lines if 'loss' in line]
    assert len(losses) == steps, f'{len(losses)} steps were logged'
    few = steps // 10 or 1
    value = sum(losses[-few:]) / sum(losses[:few])
    limit = None if bench.quick else 1.0
    yield Finding(f'demo{" ".join(["", *flags])}', f'loss after {steps} steps', value, limit)


def columns(bench: Bench) -> Iterator[Finding]:
    """The benchmark's columns, and beside each time what the roofline says of the same ratio."""
    models, sizes = (
        ['heracles_s', 'hamsa_s', 'hamsa_s_real', 'swin_t', 'deit_s'],
        ['1x224', '64x224'],
    )
    if bench.quick:
        models, sizes = ['heracles_nano:out_indices=(0,)', 'hamsa_nano:out_indices=(0,)'], ['1x32']
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'times.json'
        line = ['--models', *models, '--sizes', *sizes, '--device', bench.device]
        line += ['--what', 'forward', 'training', 'memory', '--dtypes', 'bfloat16']
        line += ['--rounds', '3', '--seconds', '0' if bench.quick else '1', '--json', str(file)]
        if code := heracles_mm.cli.benchmark.main(line):
            raise RuntimeError(f'the benchmark ended with exit code {code}')
        measured, rows = read_measured(file), json.loads(file.read_text())['rows']
    for row in rows:
        if row['what'] == 'memory':
            case = f'{row["model"]}, {row["size"]["name"]}, bfloat16, MiB'
            yield Finding('memory', case, row['value'][1] / 2**20)
    device = this_device(bench)

    def estimate(each: Pass) -> float:
        launches = launches_of(candidate(each.model), each, device.is_cuda)
        return sum(seconds_of(launches, device))

    for cell, found in compare(measured, estimate, 'swin_t').items():
        base = next((one.model for one in found if one.model == 'swin_t'), found[0].model)
        for each in found:
            words = f'{each.measured_ratio:.2f} of {base}, {device.name} on paper '
            words += f'{each.estimated_ratio:.2f}'
            yield Finding(cell, f'{each.model}, ms', each.measured * 1e3, words=words)


def this_device(bench: Bench) -> Device:
    """The published peaks of the card, or of an H100 where it has none."""
    name = torch.cuda.get_device_name().replace(' ', '') if bench.device == 'cuda' else ''
    return next((gpu for key, gpu in GPUS.items() if key in name), GPUS['H100'])


def name_of(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix('torch.')


CHECKS = (against_float64, for_inference, mmcv_operators, columns, demo, other_ways)
"""What takes longest, a compiler, comes last."""

NAMES = [check.__name__ for check in CHECKS]


def main() -> None:
    file = Path('gpu_check.json')
    args = options(__doc__, device='cuda', quick=False, json=file, minutes=8.0, checks=NAMES)
    if unknown := set(args.checks) - set(NAMES):
        sys.exit(f'gpu_check: error: no checks {sorted(unknown)}: choose of {NAMES}')
    if args.device == 'cuda' and not torch.cuda.is_available():
        sys.exit('gpu_check: error: torch sees no CUDA device: try --device cpu --quick')
    start, bench, found = time.monotonic(), Bench(args.device, args.quick), []
    for check in (each for each in CHECKS if each.__name__ in args.checks):
        name = check.__name__.replace('_', ' ')
        if time.monotonic() - start > args.minutes * 60:
            found.append(Finding(name, '', words='not run: no time was left'))
            continue
        log(name)
        try:
            for finding in check(bench):
                found.append(finding)
                if time.monotonic() - start > args.minutes * 60:
                    words = 'ended here, maybe early: no time was left'
                    found.append(Finding(name, '', words=words))
                    break
        except Exception as error:
            found.append(Finding(name, '', words=f'FAILED: {type(error).__name__}: {error}'))
    table = Table('check', 'case', 'found', 'at most', '')
    for each in found:
        value, limit = (f'{n:.3g}' if n is not None else '' for n in (each.value, each.limit))
        table.add_row(each.check, each.case, value, limit, each.verdict)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    machine = environment(torch.device(args.device))
    rows = [{**each._asdict(), 'verdict': each.verdict} for each in found]
    args.json.write_text(json.dumps({'machine': machine, 'findings': rows}, indent=1) + '\n')
    bad = [each for each in found if each.verdict.startswith(('TOO', 'FAILED', 'not', 'ended'))]
    print(f'{len(found)} findings on {machine["device"]}, {len(bad)} of them bad: {args.json}')
    sys.exit(bool(bad))


if __name__ == '__main__':
    main()
