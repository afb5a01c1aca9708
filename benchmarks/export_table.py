"""The table of docs/export.md: every kind of export, compared with eager and timed beside it.

tools/export_onnx.py writes, runs and compares each model, with random weights; the latencies are
medians over rounds in which file and eager model take turns.

    python benchmarks/export_table.py                # --side 0 is that of each row, px
    python benchmarks/export_table.py --only 'UperNet, HAMSA nano' --side 64 --format torch_export
"""

import argparse
import json
import sys
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import torch
from common import machine, options

from heracles_mm.benchmark.machine import load
from heracles_mm.cli import export_onnx
from heracles_mm.export.formats import FORMATS, OPSET

CONFIGS = Path(__file__).parents[1] / 'configs'
HARTLEY = ('model.backbone.transform=hartley',)
REAL = ('model.backbone.kernel=real', 'model.neck.kernel=real')


class Row(NamedTuple):
    config: str
    side: int
    what: str = 'model'
    options: tuple[str, ...] = ()


ROWS = {
    'classifier, Heracles-S, cosine': Row('heracles_s_imagenet', 224),
    'classifier, Heracles-S, hartley': Row('heracles_s_imagenet', 224, options=HARTLEY),
    'classifier, HAMSA-S, complex': Row('hamsa_s_imagenet', 224),
    'classifier, HAMSA-S, real': Row('hamsa_s_imagenet', 224, options=REAL),
    'backbone, Heracles-S, cosine': Row('mask_rcnn_heracles_s_coco', 512, 'backbone'),
    'backbone, HAMSA-S, complex': Row('mask_rcnn_hamsa_s_coco', 512, 'backbone'),
    'UperNet, Heracles-S': Row('upernet_heracles_s_ade20k', 512),
    'UperNet, HAMSA-S': Row('upernet_hamsa_s_ade20k', 512),
    'UperNet, Heracles nano': Row('upernet_heracles_nano_scenes', 512),
    'UperNet, HAMSA nano': Row('upernet_hamsa_nano_scenes', 512),
}


def main() -> None:
    numbers = dict(side=0, batch=1, rounds=20, threads=1, opset=OPSET)
    args = options(__doc__, only=list(ROWS), format='onnx', **numbers)
    torch.set_num_threads(args.threads)
    about = f'batch {args.batch}, {args.rounds} rounds, load {load():.1f}'
    print(f'{args.format}, {machine()}, {about}\n')
    print('| model | px | opset | difference | of at most | MB | ms | eager ms | latency / eager |')
    print('|---|---|---|---|---|---|---|---|---|')
    for name in args.only:
        print(line(name, args), flush=True)


def line(name: str, args: argparse.Namespace) -> str:
    """One row of the table."""
    row = ROWS[name]
    side = args.side or row.side
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()) as printed:
        out = Path(folder) / f'model{FORMATS[args.format].suffix}'
        words = [CONFIGS / f'{row.config}.py', '--out', out, '--what', row.what, '--shape', side]
        for option in ('batch', 'rounds', 'opset', 'format'):
            words += [f'--{option}', getattr(args, option)]
        words += ['--cfg-options', *row.options] if row.options else []
        if code := export_onnx.main([*map(str, words), '--json']):
            sys.exit(code)
    found = json.loads(printed.getvalue().splitlines()[-1])
    ms = found['milliseconds']
    return (
        f'| {name} | {side} | {found["opset"] or ""} | {found["max_abs_diff"]:.1e} | '
        f'{found["max_abs_output"]:.3g} | {found["bytes"] / 1e6:.1f} | {ms["runtime"]:.0f} | '
        f'{ms["eager"]:.0f} | {found["latency"]:.2f} |'
    )


if __name__ == '__main__':
    main()
