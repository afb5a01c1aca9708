"""The table of docs/export.md: every kind of export, compared with eager and timed beside it.

Each model is written, run and compared as tools/export_onnx.py does it, with random weights; the
latencies are medians over rounds in which file and eager model take turns.

    python benchmarks/export_table.py
    python benchmarks/export_table.py --only 'UperNet, HAMSA nano' --side 64 --format torch_export
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger

from heracles_mm.benchmark.machine import environment, load
from heracles_mm.cli.progress import Steps
from heracles_mm.export.building import build_model
from heracles_mm.export.export import Wish, export
from heracles_mm.export.formats import FORMATS, OPSET
from heracles_mm.export.targets import target

CONFIGS = Path(__file__).parents[1] / 'configs'
HARTLEY = {'model.backbone.transform': 'hartley'}
REAL = {'model.backbone.kernel': 'real', 'model.neck.kernel': 'real'}


class Row(NamedTuple):
    config: str
    side: int
    what: str = 'model'
    options: Mapping[str, str] = {}


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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--only', nargs='+', choices=list(ROWS), default=list(ROWS))
    parser.add_argument('--side', type=int, help='of the pictures, px')
    parser.add_argument('--batch', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=20)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--opset', type=int, default=OPSET)
    parser.add_argument('--format', choices=list(FORMATS), default='onnx')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    MMLogger.get_instance('export_table', log_level='ERROR')
    about = environment(torch.device('cpu'))
    print(
        f'{args.format}, torch {about["torch"]}, {about["cpu"]}, CPU threads: {about["threads"]}, '
        f'batch {args.batch}, {args.rounds} rounds, load {load():.1f}\n'
    )
    print('| model | px | opset | difference | of at most | MB | ms | eager ms | latency / eager |')
    print('|---|---|---|---|---|---|---|---|---|')
    steps = Steps('export_table', len(args.only))
    for name in args.only:
        with steps:
            steps.step(name)
            row = line(name, args, steps.note)
        print(row, flush=True)


def line(name: str, args: argparse.Namespace, note: Callable[[str], None]) -> str:
    """One row of the table."""
    row = ROWS[name]
    cfg = Config.fromfile(CONFIGS / f'{row.config}.py')
    cfg.merge_from_dict(dict(row.options))
    model = build_model(cfg, None, only_backbone=row.what == 'backbone')
    side = args.side or row.side
    wish = Wish((side, side), args.batch, format=args.format, opset=args.opset)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f'model{FORMATS[args.format].suffix}'
        report = export(target(model, row.what), wish, path, args.rounds, note)
    assert report.milliseconds is not None
    return (
        f'| {name} | {side} | {report.opset or ""} | {report.max_abs_diff:.1e} | '
        f'{report.max_abs_output:.3g} | {report.bytes / 1e6:.1f} | '
        f'{report.milliseconds["runtime"]:.0f} | {report.milliseconds["eager"]:.0f} | '
        f'{report.latency:.2f} |'
    )


if __name__ == '__main__':
    main()
