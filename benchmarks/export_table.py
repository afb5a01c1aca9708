"""The table of docs/export.md: every kind of export, compared with eager and timed beside it.

tools/export_onnx.py writes, runs and compares each model, with random weights, in each way that its
task has; the times are medians over rounds in which file and eager model take turns. OpenVINO runs
the float32 file of one size.

    python benchmarks/export_table.py                # --side 0 is that of each row, px
    python benchmarks/export_table.py --only 'UperNet, HAMSA nano' --side 64 --rounds 0
"""

import argparse
import json
import sys
import tempfile
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from common import log, machine, options

from heracles_mm.benchmark.machine import load
from heracles_mm.benchmark.timing import Budget, interleave, ratio
from heracles_mm.cli import export_onnx
from heracles_mm.datasets.pictures import write_pictures
from heracles_mm.export.formats import OPSET
from heracles_mm.runtime.engines import ENGINES

CONFIGS = Path(__file__).parents[1] / 'configs'
HARTLEY = ('model.backbone.transform=hartley',)
REAL = ('model.backbone.kernel=real', 'model.neck.kernel=real')
WIDE = (800, 1344)
"""A landscape picture of COCO's pipelines, height and width in px."""


class Row(NamedTuple):
    config: str
    shape: tuple[int, int]
    what: str = 'model'
    options: tuple[str, ...] = ()
    detects: bool = False


def square(side: int) -> tuple[int, int]:
    return side, side


ROWS = {
    'classifier, Heracles-S, cosine': Row('heracles_s_imagenet', square(224)),
    'classifier, Heracles-S, hartley': Row('heracles_s_imagenet', square(224), options=HARTLEY),
    'classifier, HAMSA-S, complex': Row('hamsa_s_imagenet', square(224)),
    'classifier, HAMSA-S, real': Row('hamsa_s_imagenet', square(224), options=REAL),
    'backbone, Heracles-S, cosine': Row('mask_rcnn_heracles_s_coco', square(512), 'backbone'),
    'backbone, HAMSA-S, complex': Row('mask_rcnn_hamsa_s_coco', square(512), 'backbone'),
    'UperNet, Heracles-S': Row('upernet_heracles_s_ade20k', square(512)),
    'UperNet, HAMSA-S': Row('upernet_hamsa_s_ade20k', square(512)),
    'UperNet, Heracles nano': Row('upernet_heracles_nano_scenes', square(512)),
    'UperNet, HAMSA nano': Row('upernet_hamsa_nano_scenes', square(512)),
    'Mask R-CNN, Heracles-S': Row('mask_rcnn_heracles_s_coco', WIDE, detects=True),
    'Mask R-CNN, HAMSA-S': Row('mask_rcnn_hamsa_s_coco', WIDE, detects=True),
    'Cascade Mask R-CNN, Heracles-S': Row(
        'cascade_mask_rcnn_heracles_s_coco_3x', WIDE, detects=True
    ),
    'RetinaNet, Heracles-S': Row('retinanet_heracles_s_coco', WIDE, detects=True),
    'GFL, Heracles-S': Row('gfl_heracles_s_coco_3x', WIDE, detects=True),
    'Mask R-CNN, Heracles nano': Row('mask_rcnn_heracles_nano_scenes', square(160), detects=True),
    'Mask R-CNN, HAMSA nano': Row('mask_rcnn_hamsa_nano_scenes', square(160), detects=True),
}
WAYS = {
    'fixed': (),
    'any size': ('--any-size',),
    'float16': ('--precision', 'float16'),
    'int8': ('--precision', 'int8', '--calibration'),
}
"""What is exported, and how; a folder of pictures follows the last."""


def main() -> None:
    numbers = dict(side=0, rounds=10, threads=1, opset=OPSET)
    args = options(__doc__, only=list(ROWS), ways=list(WAYS), **numbers)
    torch.set_num_threads(args.threads)
    print(f'{machine()}, {args.rounds} rounds, load {load():.1f}; times are those of eager\n')
    sizes = [f'MB, {way}' for way in args.ways if way != 'any size']
    times = [*args.ways, 'OpenVINO'] if args.rounds else []
    heads = ['model', 'px', 'difference', *sizes, *(f'time, {each}' for each in times)]
    print('| ' + ' | '.join(heads) + ' |')
    print('|---' * len(heads) + '|')
    for name in args.only:
        print(line(name, args), flush=True)


def line(name: str, args: argparse.Namespace) -> str:
    """One row of the table."""
    row = ROWS[name]
    height, width = square(args.side) if args.side else row.shape
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(Path(folder) / 'pictures', train=1, val=0, side=max(height, width))
        for way in args.ways:
            if way == 'any size' and row.detects:
                continue
            log(f'{name}, {way}')
            found[way] = exported(row, (height, width), way, Path(folder), args)
        turns = openvino_over_onnxruntime(Path(folder) / 'fixed.onnx', row, (height, width), args)
    fixed = found['fixed']
    differences = ', '.join(f'{key} {value:.0e}' for key, value in fixed['differences'].items())
    cells = [name, f'{height}x{width}', differences]
    cells += [f'{found[way]["bytes"] / 1e6:.1f}' for way in args.ways if way != 'any size']
    if args.rounds:
        cells += [f'{found[way]["latency"]:.2f}' if way in found else '-' for way in args.ways]
        cells.append(f'{turns * fixed["latency"]:.2f}')
    return '| ' + ' | '.join(cells) + ' |'


def exported(
    row: Row, shape: tuple[int, int], way: str, folder: Path, args: argparse.Namespace
) -> dict[str, Any]:
    """The report of one export."""
    words = [CONFIGS / f'{row.config}.py', '--out', folder / f'{way}.onnx', '--what', row.what]
    words += ['--shape', *shape, '--rounds', args.rounds, '--opset', args.opset, '--json']
    words += WAYS[way] + ((folder / 'pictures',) if way == 'int8' else ())
    words += ['--cfg-options', *row.options] if row.options else []
    with redirect_stdout(StringIO()) as printed:
        if code := export_onnx.main([*map(str, words)]):
            sys.exit(code)
    return json.loads(printed.getvalue().splitlines()[-1])


def openvino_over_onnxruntime(
    file: Path, row: Row, shape: tuple[int, int], args: argparse.Namespace
) -> float:
    """Time of one engine over the other's, median over rounds in which they take turns."""
    if not args.rounds:
        return 0.0
    rng = np.random.default_rng(0)
    inputs = {'image': rng.standard_normal((1, 3, *shape)).astype(np.float32)}
    if row.detects:
        inputs['size'] = np.array(shape, np.float32)
    graphs = {name: open_(str(file), args.threads) for name, open_ in ENGINES.items()}
    calls = {name: partial(graph.run, inputs) for name, graph in graphs.items()}
    times = interleave(calls, Budget(args.rounds, 0, args.rounds), seed=0)
    return ratio(times['openvino'], times['onnxruntime']).median


if __name__ == '__main__':
    main()
