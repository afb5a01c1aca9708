"""Every kind of export beside its eager model: one file for each model, and the table of them.

    python benchmarks/export_table.py
    python benchmarks/export_table.py --only 'UperNet, HAMSA nano' --side 64 --rounds 0

tools/export_onnx.py writes, runs and compares each model, with random weights, in each way that its
task has; times are medians over rounds in which file and eager model take turns. OpenVINO runs the
float32 file of one size in turns with onnxruntime. A model leaves one file in --results: reports,
machine, load and commit. What has its file is left out. The table of all files replaces that in
--page. --side is in px; 0 is that of each model.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import datetime
from functools import partial
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from common import log, options

from heracles_mm.benchmark.machine import environment, load
from heracles_mm.benchmark.timing import Budget, interleave, ratio
from heracles_mm.cli import export_onnx
from heracles_mm.datasets.pictures import write_pictures
from heracles_mm.export.formats import OPSET
from heracles_mm.runtime.engines import ENGINES

ROOT = Path(__file__).resolve().parents[1]
HARTLEY = ('model.backbone.transform=hartley',)
REAL = ('model.backbone.kernel=real', 'model.neck.kernel=real')
FINDS = ('model.test_cfg.rcnn.score_thr=0.001',)
"""Of 81 classes that are equal by chance none reaches a trained model's threshold."""

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
    'Mask R-CNN, Heracles-S': Row('mask_rcnn_heracles_s_coco', WIDE, options=FINDS, detects=True),
    'Mask R-CNN, HAMSA-S': Row('mask_rcnn_hamsa_s_coco', WIDE, options=FINDS, detects=True),
    'Cascade Mask R-CNN, Heracles-S': Row(
        'cascade_mask_rcnn_heracles_s_coco_3x', WIDE, options=FINDS, detects=True
    ),
    'RetinaNet, Heracles-S': Row('retinanet_heracles_s_coco', WIDE, detects=True),
    'GFL, Heracles-S': Row('gfl_heracles_s_coco_3x', WIDE, detects=True),
    'ATSS, Heracles-S': Row('atss_heracles_s_coco_3x', WIDE, detects=True),
    'DINO, Heracles-S': Row('dino_heracles_s_coco', WIDE, detects=True),
    'Mask2Former, Heracles-S': Row('mask2former_heracles_s_coco', WIDE, detects=True),
    'Mask2Former for label maps, Heracles-S': Row('mask2former_heracles_s_ade20k', square(512)),
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

BEGIN, END = '<!-- made by benchmarks/export_table.py -->', '<!-- end -->'


def main() -> None:
    numbers = dict(side=0, rounds=10, threads=1, opset=OPSET)
    places = dict(results=ROOT / 'benchmarks/results/export', page=ROOT / 'docs/export.md')
    args = options(__doc__, only=list(ROWS), ways=list(WAYS), **numbers, **places)
    torch.set_num_threads(args.threads)
    args.results.mkdir(parents=True, exist_ok=True)
    for name in args.only:
        file = args.results / f'{re.sub(r"[^a-z0-9]+", "_", name.lower())}.json'
        if not file.exists():
            file.write_text(json.dumps(measured(name, args), indent=1) + '\n')
    found = [json.loads(file.read_text()) for file in args.results.glob('*.json')]
    found.sort(key=lambda one: list(ROWS).index(one['name']))
    before, rest = args.page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    args.page.write_text('\n'.join([f'{before}{BEGIN}', *table(found), f'{END}{after}']))
    print(args.page)


def measured(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """All that is known of one model."""
    row, busy = ROWS[name], load()
    shape = square(args.side) if args.side else row.shape
    reports = {}
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(Path(folder) / 'pictures', train=1, val=0, side=max(shape))
        for way in args.ways:
            if way == 'any size' and row.detects:
                continue
            log(f'{name}, {way}')
            reports[way] = exported(row, shape, way, Path(folder), args)
        turns = openvino_over_onnxruntime(Path(folder) / 'fixed.onnx', row, shape, args)
    engines = {package: version(package) for package in ('onnxruntime', 'openvino')}
    return {
        'name': name,
        'ways': reports,
        'openvino_over_onnxruntime': turns,
        'rounds': args.rounds,
        'machine': {**environment(torch.device('cpu')), **engines, 'load': busy},
        'commit': subprocess.check_output(
            ['git', 'rev-parse', 'HEAD'], cwd=ROOT, text=True
        ).strip(),
        'date': datetime.now().date().isoformat(),
    }


def table(found: list[dict[str, Any]]) -> Iterator[str]:
    """Its lines, and one about each machine."""
    machines = sorted({on(one['machine']) for one in found})
    sizes = [way for way in WAYS if way != 'any size']  # which is as large as the fixed one
    heads = ['model', 'px', 'difference', 'detections', *(f'MB, {way}' for way in sizes)]
    heads += [f'time, {way}' for way in (*WAYS, 'OpenVINO')]
    heads += ['eager ms', 'machine']
    yield '| ' + ' | '.join(heads) + ' |'
    yield '|---' * len(heads) + '|'
    for one in found:
        ways, turns = one['ways'], one['openvino_over_onnxruntime']
        fixed = ways['fixed']
        latency = {way: report['latency'] for way, report in ways.items()}
        latency['OpenVINO'] = turns and turns * fixed['latency']
        worst = max(fixed['differences'], key=fixed['differences'].__getitem__)
        detections = fixed['detections']
        cells = [one['name'], 'x'.join(map(str, fixed['shape']))]
        cells += [f'{fixed["differences"][worst]:.0e} ({worst})']
        cells += ['' if detections is None else f'{detections}']
        cells += [f'{ways[way]["bytes"] / 1e6:.1f}' if way in ways else '' for way in sizes]
        times = [latency.get(way) for way in (*WAYS, 'OpenVINO')]
        cells += [f'{time:.2f}' if time else '' for time in times]
        cells += [f'{fixed["milliseconds"]["eager"]:.0f}' if fixed['milliseconds'] else '']
        cells += [f'{machines.index(on(one["machine"])) + 1}']
        yield '| ' + ' | '.join(cells) + ' |'
    yield ''
    yield 'Batch 1, random weights. Machines:'
    yield ''
    yield from (f'{i}. {machine}' for i, machine in enumerate(machines, 1))


def on(machine: dict[str, Any]) -> str:
    """A machine in words."""
    engines = ', '.join(f'{name} {machine[name]}' for name in ('torch', 'onnxruntime', 'openvino'))
    return f'{machine["cpu"]}, threads: {machine["threads"]}, {engines}'


def exported(
    row: Row, shape: tuple[int, int], way: str, folder: Path, args: argparse.Namespace
) -> dict[str, Any]:
    """The report of one export."""
    config = ROOT / 'configs' / f'{row.config}.py'
    words = [config, '--out', folder / f'{way}.onnx', '--what', row.what]
    words += ['--shape', *shape, '--rounds', args.rounds, '--opset', args.opset, '--json']
    words += WAYS[way] + ((folder / 'pictures',) if way == 'int8' else ())
    words += ['--cfg-options', *row.options] if row.options else []
    with redirect_stdout(StringIO()) as printed:
        if code := export_onnx.main([*map(str, words)]):
            sys.exit(code)
    report = json.loads(printed.getvalue().splitlines()[-1])
    if report['detections'] == 0:
        sys.exit(f'export_table: error: nothing of {row.config} was compared: lower its score_thr')
    return {key: value for key, value in report.items() if key not in ('out', 'description')}


def openvino_over_onnxruntime(
    file: Path, row: Row, shape: tuple[int, int], args: argparse.Namespace
) -> float | None:
    """Time of one engine over the other's, median over rounds in which they take turns."""
    if not args.rounds:
        return None
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
