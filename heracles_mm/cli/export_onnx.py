"""Write a model to a file for onnxruntime and others, once it computes what the model does.

``python -m heracles_mm.cli.export_onnx CONFIG [CHECKPOINT] --out FILE`` traces the model for
pictures of one size, runs the file, compares it with the model and keeps it if what it finds is the
same. What is inside, and what the file expects: docs/export.md.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger
from torch import Tensor

from heracles_mm.checkpoints import read_checkpoint
from heracles_mm.checkpoints.writing import check_output
from heracles_mm.cli import common
from heracles_mm.cli.arguments import OneLineParser, add_config, at_least, height_and_width
from heracles_mm.cli.export_pictures import CALIBRATED, as_input, calibration_files, scenes
from heracles_mm.cli.progress import Steps
from heracles_mm.cli.running import CommandLine, print_line
from heracles_mm.errors import UserError
from heracles_mm.export.accuracy import TestData
from heracles_mm.export.building import build_model
from heracles_mm.export.checked_export import Report, export
from heracles_mm.export.describing import DescriptionError, describe, usual_shape
from heracles_mm.export.formats import FORMATS, OPSET, OPSETS, ExportOptions
from heracles_mm.export.reduced_precision import PRECISIONS
from heracles_mm.export.wrappers import WHATS, target
from heracles_mm.forecasting.trained_forecaster import series_info
from heracles_mm.runtime import Description, Model
from heracles_mm.runtime.decoding import read_picture
from heracles_mm.runtime.description import KEY

NAME = 'export_onnx'
EXAMPLES = (
    'configs/heracles_s_imagenet.py heracles_s.pth --out heracles_s.onnx --dynamic-batch',
    'configs/upernet_heracles_s_ade20k.py iter_160000.pth --out m.onnx --shape 512 --json',
    'configs/mask_rcnn_heracles_s_coco.py epoch_12.pth --out m.onnx --shape 800 1344',
    'configs/mask_rcnn_hamsa_s_coco.py --out b.onnx --what backbone --shape 800 1280',
    'configs/heracles_s_imagenet.py h.pth --out h.onnx --precision int8 --calibration pictures',
)


def export_onnx(args: argparse.Namespace) -> None:
    """Write a model to a file for onnxruntime and others, once it computes what the model does."""
    shape = args.shape and height_and_width('--shape', args.shape, 1)
    # What can be refused at once is refused before the config is read.
    options = ExportOptions(
        shape=shape or (224, 224),
        batch=args.batch,
        dynamic_batch=args.dynamic_batch,
        format=args.format,
        opset=args.opset,
        any_size=args.any_size,
        precision=args.precision,
    )
    options.check()
    if args.accuracy is not None and (args.what, args.format) != ('model', 'onnx'):
        raise UserError('--accuracy is measured of whole models in the format onnx')
    check_output(args.out, args.checkpoint, args.config)
    files = calibration_files(args.precision, args.calibration)
    cfg = common.read_config(args, 'model')
    if args.accuracy is not None:
        common.check_data(NAME, cfg, ('test',))
    if args.checkpoint is None:
        print_line(NAME, 'no checkpoint is given: the weights are random')
    else:
        common.check_checkpoint_path(args.checkpoint)
    MMLogger.get_instance(NAME, log_level='WARNING')
    model = build_model(cfg, args.checkpoint, only_backbone=args.what == 'backbone')
    made = target(model, args.what)
    about: Description | None = None
    calibration: Iterable[Tensor] = ()
    pictures: Sequence[Tensor] = ()
    if made.task == 'forecasting':
        if shape or args.any_size or files or args.accuracy is not None:
            raise UserError(
                '--shape, --any-size, --precision int8 and --accuracy are for pictures: leave them '
                'out for a forecaster'
            )
        horizon: Any = model.horizon
        notes = _series_notes(args.checkpoint, horizon)
        options = replace(options, shape=(), dynamic_batch=True, notes=notes)
    else:
        if shape is None:
            shape = usual_shape(cfg) if made.detects else None
            shape = shape or getattr(getattr(model, 'backbone', None), 'img_size', None)
            if not isinstance(shape, tuple):
                raise UserError('the backbone has no img_size of two numbers: give --shape H W')
        options = replace(options, shape=shape)
        try:
            about = describe(
                cfg,
                model,
                args.checkpoint,
                task=made.task,
                shape=None if args.any_size else shape,
                name=Path(args.config).stem,
                precision=args.precision,
                license=args.license,
            )
        except DescriptionError as error:
            if files or args.accuracy is not None:
                raise
            print_line(NAME, f'heracles_mm.runtime will not know how to run the file: {error}')
        if about:
            options = replace(options, notes={KEY: about.to_json()})
            pictures = scenes(about, shape) if made.detects else ()
            calibration = (as_input(read_picture(file), about, shape) for file in files)
    data = None if args.accuracy is None else TestData(cfg, args.accuracy)
    with Steps(NAME, total=_steps(args)) as steps:
        report = export(
            made,
            options,
            args.out,
            args.rounds,
            steps.step,
            pictures=pictures,
            calibration=calibration,
            measure=partial(_accuracy, data, steps) if data else None,
        )
    _print(report, made.input_names[0], args.out, about)
    if args.json:
        notes = {key: json.loads(words) for key, words in (options.notes or {}).items()}
        description = notes.get(KEY, notes or None)
        print(json.dumps({'out': str(args.out), **asdict(report), 'description': description}))


def _steps(args: argparse.Namespace) -> int:
    """How many steps an export has: the last of all is timing."""
    reduced = args.precision != 'float32'
    return 3 + bool(args.rounds) + reduced + (args.accuracy is not None) * (1 + reduced)


def _accuracy(data: TestData, steps: Steps, path: Path) -> dict[str, float]:
    steps.step(f'measuring the accuracy on {data.count} pictures')
    return data.measure(Model(path), lambda done, count: steps.note(f'{done} of {count}'))


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
    any_size = 'take pictures of any size (classifiers, segmentors, backbones); slower'
    add('--any-size', action='store_true', help=any_size)
    add('--precision', choices=PRECISIONS, default='float32', help='default: %(default)s')
    calibration = f'of pictures, {CALIBRATED} of which show int8 how large numbers are'
    add('--calibration', type=Path, metavar='FOLDER', help=calibration)
    accuracy = 'measure the accuracy on N pictures of the test data, 0 for all (default: not)'
    add('--accuracy', type=at_least(0), metavar='N', help=accuracy)
    add('--license', default='', metavar='WORDS', help='of the weights; the file says it of itself')
    add('--json', action='store_true', help='print everything as JSON in the last line')


def _series_notes(checkpoint: str | None, horizon: int) -> dict[str, str]:
    """For the metadata: how the values of a series become the file's input, and what its output
    is; random weights have no series."""
    info = series_info(read_checkpoint(checkpoint)) if checkpoint else {}
    notes = {name: info.get(name) for name in ('columns', 'mean', 'std', 'date', 'step')}
    return {name: json.dumps(value) for name, value in {**notes, 'horizon': horizon}.items()}


def _print(report: Report, name: str, out: Path, about: Description | None) -> None:
    batch = 'any' if report.dynamic_batch else report.batch
    opset = f' opset {report.opset}' if report.opset else ''
    print(f'{out}: {report.format}{opset}, {report.precision}, {report.bytes / 1e6:.1f} MB')
    sides = ('any', 'any') if report.any_size else report.shape
    size = ', '.join(map(str, (batch, report.channels, *sides)))
    how = ''
    if about:
        how = f', {about.channels}, (x - mean) / std, mean {[*about.mean]}, std {[*about.std]}'
    print(f'input: {name} ({size}), float32{how}')
    if report.detections is not None:
        print('input: size (2), float32: height and width of what is not padding')
    for name, (_, *rest) in report.outputs.items():
        print(f'output: {name} ({", ".join(map(str, [_first(report), *rest]))})')
    print('largest difference of float32 from the eager model (of the largest number):')
    for name, difference in report.differences.items():
        print(f'  {name} {difference:.1e} ({report.largest[name]:.3g})')
    if report.detections is not None:
        print(f'detections compared, all of them in both: {report.detections}')
    if report.detections == 0:
        print_line(
            NAME,
            'the model found nothing, so no box was compared: give a trained checkpoint, or '
            'lower the score_thr of model.test_cfg (--cfg-options)',
        )
    for precision, numbers in report.accuracy.items():
        words = ', '.join(f'{name} {value:.4g}' for name, value in numbers.items())
        print(f'accuracy in {precision}: {words}')
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
