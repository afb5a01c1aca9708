"""Write a model to a file for onnxruntime and others, once it computes what the model does.

``python -m heracles_mm.cli.export_onnx CONFIG [CHECKPOINT] --out FILE`` traces the model for
pictures of one size, runs the file, compares it with the model and keeps it if what it finds is the
same. What is inside, and what the file expects: docs/export.md.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import torch
from mmengine.logging import MMLogger
from torch import Tensor

from heracles_mm.cli import common
from heracles_mm.cli.arguments import OneLineParser, add_config, at_least, height_and_width
from heracles_mm.cli.progress import Steps
from heracles_mm.cli.running import CommandLine, print_line
from heracles_mm.datasets.scenes import compose_scene
from heracles_mm.datasets.spec import ScenesSpec
from heracles_mm.errors import UserError
from heracles_mm.export.building import build_model
from heracles_mm.export.checked_export import Report, export
from heracles_mm.export.describing import describe, usual_shape
from heracles_mm.export.formats import FORMATS, OPSET, OPSETS, ExportOptions
from heracles_mm.export.wrappers import WHATS, target
from heracles_mm.runtime.description import KEY, Description
from heracles_mm.runtime.geometry import geometry, model_input

NAME = 'export_onnx'
PICTURES = 3
"""Composed scenes that a detector is compared on."""

EXAMPLES = (
    'configs/heracles_s_imagenet.py heracles_s.pth --out heracles_s.onnx --dynamic-batch',
    'configs/upernet_heracles_s_ade20k.py iter_160000.pth --out m.onnx --shape 512 --json',
    'configs/mask_rcnn_heracles_s_coco.py epoch_12.pth --out m.onnx --shape 800 1344',
    'configs/mask_rcnn_hamsa_s_coco.py --out b.onnx --what backbone --shape 800 1280',
)


def export_onnx(args: argparse.Namespace) -> None:
    """Write a model to a file for onnxruntime and others, once it computes what the model does."""
    shape = args.shape and height_and_width('--shape', args.shape, 1)
    # What can be refused at once is refused before the config is read.
    ExportOptions(shape or (224, 224), format=args.format, opset=args.opset).check()
    cfg = common.read_config(args, 'model')
    if args.checkpoint is None:
        print_line(NAME, 'no checkpoint is given: the weights are random')
    else:
        common.check_checkpoint_path(args.checkpoint)
    MMLogger.get_instance(NAME, log_level='WARNING')
    model = build_model(cfg, args.checkpoint, only_backbone=args.what == 'backbone')
    made = target(model, args.what)
    if shape is None:
        shape = usual_shape(cfg) if made.detects else None
        shape = shape or getattr(getattr(model, 'backbone', None), 'img_size', None)
        if not isinstance(shape, tuple):
            raise UserError('the backbone has no img_size of two numbers: give --shape H W')
    about = describe(
        cfg,
        model,
        args.checkpoint,
        task=made.task,
        shape=shape,
        name=Path(args.config).stem,
        license=args.license,
    )
    options = ExportOptions(
        shape=shape,
        batch=args.batch,
        dynamic_batch=args.dynamic_batch,
        format=args.format,
        opset=args.opset,
        notes={KEY: about.to_json()} if about else None,
    )
    pictures = _scenes(about) if about and made.detects else []
    with Steps(NAME, total=4 if args.rounds else 3) as steps:  # the last one is timing
        report = export(made, options, args.out, args.rounds, steps.step, pictures)
    _print(report, args.out, about)
    if args.json:
        description = json.loads(about.to_json()) if about else None
        print(json.dumps({'out': str(args.out), **asdict(report), 'description': description}))


def _scenes(about: Description) -> list[Tensor]:
    """Composed scenes, cut to the shape of the file's input."""
    assert about.size
    height, width = about.size
    spec = ScenesSpec(size=min(2048, max(64, height, width)))
    scenes = (compose_scene(spec, 'val', index).image for index in range(PICTURES))
    pictures = (scene[:height, :width, ::-1] for scene in scenes)
    return [
        torch.from_numpy(model_input(picture, geometry(picture.shape[:2], about), about))
        for picture in pictures
    ]


def _add_arguments(parser: OneLineParser) -> None:
    add_config(parser)
    add = parser.add_argument
    add('checkpoint', nargs='?', help='checkpoint file or URL (default: random weights)')
    add('--out', required=True, type=Path, metavar='FILE', help='is replaced whole or not at all')
    add('--what', choices=WHATS, default='model', help='default: %(default)s')
    shape = "height and width in px, or one side (default: the backbone's img_size)"
    add('--shape', nargs='+', type=at_least(1), metavar=('H', 'W'), help=shape)
    add('--batch', type=at_least(1), default=1, metavar='N', help='pictures (default: %(default)s)')
    add('--dynamic-batch', action='store_true', help='take any number of pictures at a time')
    add('--format', choices=list(FORMATS), default='onnx', help='default: %(default)s')
    opsets = f'of ONNX, {OPSETS[0]} to {OPSETS[-1]} (default: %(default)s)'
    add('--opset', type=int, default=OPSET, metavar='N', help=opsets)
    rounds = 'in which file and model take turns for the latency; 0 for none (default: %(default)s)'
    add('--rounds', type=at_least(0), default=10, metavar='N', help=rounds)
    add('--license', default='', metavar='WORDS', help='of the weights; the file says it of itself')
    add('--json', action='store_true', help='print everything as JSON in the last line')


def _print(report: Report, out: Path, about: Description | None) -> None:
    batch = 'any' if report.dynamic_batch else report.batch
    opset = f' opset {report.opset}' if report.opset else ''
    print(f'{out}: {report.format}{opset}, {report.bytes / 1e6:.1f} MB')
    size = ', '.join(map(str, (batch, report.channels, *report.shape)))
    how = ''
    if about:
        how = f', {about.channels}, (x - mean) / std, mean {[*about.mean]}, std {[*about.std]}'
    print(f'input: image ({size}), float32{how}')
    if report.detections is not None:
        print('input: size (2), float32: height and width of what is not padding')
    for name, (_, *rest) in report.outputs.items():
        print(f'output: {name} ({", ".join(map(str, [_first(report), *rest]))})')
    print('largest difference from the eager model (of the largest number):')
    for name, difference in report.differences.items():
        print(f'  {name} {difference:.1e} ({report.largest[name]:.3g})')
    if report.detections is not None:
        print(f'detections compared, all of them in both: {report.detections}')
    if report.milliseconds is not None:
        own, eager = report.milliseconds['runtime'], report.milliseconds['eager']
        print(
            f'latency over eager: {report.latency:.2f} ({own:.1f} ms and {eager:.1f} ms, batch '
            f'{report.batch}, CPU, threads: {report.threads})'
        )


def _first(report: Report) -> str | int:
    """Length of the first side of an output."""
    if report.detections is not None:
        return 'N'
    return 'any' if report.dynamic_batch else report.batch


main = CommandLine(export_onnx, _add_arguments, EXAMPLES)

if __name__ == '__main__':
    sys.exit(main())
