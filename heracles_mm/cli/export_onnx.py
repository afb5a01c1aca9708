"""Write a model to a file for onnxruntime and others, once it computes what the model does.

``python -m heracles_mm.cli.export_onnx CONFIG [CHECKPOINT] --out FILE`` traces the model for
pictures of one size, runs the file, compares it with the model and keeps it if no number differs by
1e-4 or more. What is inside, and what the file expects: docs/export.md.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import MMLogger

from heracles_mm.checkpoints import read_checkpoint
from heracles_mm.cli import common
from heracles_mm.cli.arguments import OneLineParser, add_config, at_least, height_and_width
from heracles_mm.cli.progress import Steps
from heracles_mm.cli.running import CommandLine, print_line
from heracles_mm.errors import UserError
from heracles_mm.export.building import build_model, preprocessing
from heracles_mm.export.checked_export import Report, export
from heracles_mm.export.formats import FORMATS, INPUT, OPSET, OPSETS, ExportOptions
from heracles_mm.export.wrappers import WHATS, target
from heracles_mm.forecasting.trained_forecaster import series_info

NAME = 'export_onnx'
EXAMPLES = (
    'configs/heracles_s_imagenet.py heracles_s.pth --out heracles_s.onnx --dynamic-batch',
    'configs/upernet_heracles_s_ade20k.py iter_160000.pth --out m.onnx --shape 512 --json',
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
    part = target(model, args.what)
    if part.takes_windows:
        if shape is not None:
            raise UserError('--shape is of pictures: leave it out for a forecaster')
        shape, notes = (), _series_notes(args.checkpoint)
    else:
        shape = shape or getattr(getattr(model, 'backbone', None), 'img_size', None)
        if not isinstance(shape, tuple):
            raise UserError('the backbone has no img_size of two numbers: give --shape H W')
        notes = _notes(cfg)
    options = ExportOptions(
        shape=shape,
        input='window' if part.takes_windows else INPUT,
        batch=args.batch,
        dynamic_batch=args.dynamic_batch,
        format=args.format,
        opset=args.opset,
        notes={key: json.dumps(value) for key, value in notes.items()},
    )
    with Steps(NAME, total=4 if args.rounds else 3) as steps:  # the last one is timing
        report = export(part, options, args.out, args.rounds, steps.step)
    _print(report, options.input, args.out, notes)
    if args.json:
        print(json.dumps({'out': str(args.out), **asdict(report), 'preprocessing': notes}))


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
    add('--json', action='store_true', help='print everything as JSON in the last line')


def _notes(cfg: Config) -> dict:
    """How pictures become the file's input."""
    options = preprocessing(cfg)
    rgb = options.get('to_rgb', options.get('bgr_to_rgb', False))
    return {
        'channels': 'RGB' if rgb else 'as loaded (BGR in OpenMMLab)',
        'mean': list(options.get('mean') or []),
        'std': list(options.get('std') or []),
    }


def _series_notes(checkpoint: str | None) -> dict:
    """How the values of a series become the file's input: one column, scaled."""
    info = series_info(read_checkpoint(checkpoint)) if checkpoint else {}
    columns = {name: list(info.get(name, ())) for name in ('columns', 'mean', 'std')}
    return {'channels': 'one column', **columns}


def _print(report: Report, name: str, out: Path, notes: dict) -> None:
    batch = 'any' if report.dynamic_batch else report.batch
    opset = f' opset {report.opset}' if report.opset else ''
    print(f'{out}: {report.format}{opset}, {report.bytes / 1e6:.1f} MB')
    how = ', (x - mean) / std, mean {mean}, std {std}'.format(**notes) if notes['mean'] else ''
    size = ', '.join(map(str, (batch, report.channels, *report.shape)))
    print(f'input: {name} ({size}), float32, {notes["channels"]}{how}')
    for name, (_, *rest) in report.outputs.items():
        print(f'output: {name} ({", ".join(map(str, [batch, *rest]))})')
    print(
        f'largest difference from the eager model: {report.max_abs_diff:.1e} '
        f'(largest number {report.max_abs_output:.3g})'
    )
    if report.milliseconds is not None:
        own, eager = report.milliseconds['runtime'], report.milliseconds['eager']
        print(
            f'latency over eager: {report.latency:.2f} ({own:.1f} ms and {eager:.1f} ms, batch '
            f'{report.batch}, CPU, threads: {report.threads})'
        )


main = CommandLine(export_onnx, _add_arguments, EXAMPLES)

if __name__ == '__main__':
    sys.exit(main())
