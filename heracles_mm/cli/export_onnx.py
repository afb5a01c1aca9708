"""Write a model to a file for onnxruntime and others, once it computes what the model does.

``python -m heracles_mm.cli.export_onnx CONFIG [CHECKPOINT] --out FILE`` traces the model for
pictures of one size, runs the file, compares it with the model and keeps it if no number differs by
1e-4 or more. What is inside, and what the file expects: docs/export.md.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import MMLogger
from torch import nn

from heracles_mm.cli.common import check_checkpoint_path, config_parser, parse, read_config
from heracles_mm.cli.progress import Steps
from heracles_mm.cli.running import OneLineParser, print_line, run_tool
from heracles_mm.errors import UserError
from heracles_mm.export.building import build_model, preprocessing
from heracles_mm.export.export import Report, Shape, Wish, export
from heracles_mm.export.formats import FORMATS, INPUT, OPSET, OPSETS
from heracles_mm.export.targets import WHATS, target

NAME = 'export_onnx'
EXAMPLES = (
    'configs/heracles_s_imagenet.py heracles_s.pth --out heracles_s.onnx --dynamic-batch',
    'configs/upernet_heracles_s_ade20k.py iter_160000.pth --out m.onnx --shape 512 --json',
    'configs/mask_rcnn_hamsa_s_coco.py --out b.onnx --what backbone --shape 800 1280',
)
STEPS = 4
"""What export says: tracing, writing, comparing, timing."""


def main(argv: list[str] | None = None) -> int:
    """Export; ``argv`` defaults to the command line. Returns the exit code."""
    return run_tool(NAME, lambda: export_onnx(argv))


def export_onnx(argv: list[str] | None) -> None:
    """Parse ``argv`` and export, raising the errors that ``main`` turns into a sentence."""
    args = parse(_parser(), argv)
    # What can be refused at once is refused before the config is read.
    Wish(_shape(args.shape) or (224, 224), 1, False, args.format, args.opset).check()
    cfg = read_config(args)
    if not cfg.get('model'):
        raise UserError(f'the config {args.config} has no model to export')
    if args.checkpoint is None:
        print_line(NAME, 'no checkpoint is given: the weights are random')
    else:
        check_checkpoint_path(args.checkpoint)
    MMLogger.get_instance(NAME, log_level='WARNING')
    model = build_model(cfg, args.checkpoint, only_backbone=args.what == 'backbone')
    notes = _notes(cfg)
    wish = Wish(
        shape=_shape(args.shape) or _made_for(model),
        batch=args.batch,
        dynamic_batch=args.dynamic_batch,
        format=args.format,
        opset=args.opset,
        notes={key: json.dumps(value) for key, value in notes.items()},
    )
    with Steps(NAME, STEPS if args.rounds else STEPS - 1) as steps:
        report = export(target(model, args.what), wish, args.out, args.rounds, steps.step)
    _print(report, args.out, notes)
    if args.json:
        print(json.dumps({'out': str(args.out), **asdict(report), 'preprocessing': notes}))


def _parser() -> OneLineParser:
    parser = config_parser(
        NAME,
        'Write a model to a file for onnxruntime and others, once it computes what the model does.',
        examples=EXAMPLES,
    )
    add = parser.add_argument
    add('checkpoint', nargs='?', help='checkpoint file or URL (default: random weights)')
    add('--out', required=True, type=Path, metavar='FILE', help='is replaced whole or not at all')
    add('--what', choices=WHATS, default='model', help='default: %(default)s')
    add(
        '--shape',
        nargs='+',
        type=_positive,
        metavar=('H', 'W'),
        help="height and width in px, or one side (default: the backbone's img_size)",
    )
    add('--batch', type=_positive, default=1, metavar='N', help='pictures (default: %(default)s)')
    add('--dynamic-batch', action='store_true', help='take any number of pictures at a time')
    add('--format', choices=list(FORMATS), default='onnx', help='default: %(default)s')
    add(
        '--opset',
        type=int,
        default=OPSET,
        metavar='N',
        help=f'of ONNX, {OPSETS[0]} to {OPSETS[-1]} (default: %(default)s)',
    )
    add(
        '--rounds',
        type=_not_negative,
        default=10,
        metavar='N',
        help='in which file and model take turns for the latency; 0 leaves it out '
        '(default: %(default)s)',
    )
    add('--json', action='store_true', help='print everything as JSON in the last line')
    return parser


def _positive(text: str) -> int:
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def _not_negative(text: str) -> int:
    if int(text) < 0:
        raise ValueError(text)
    return int(text)


_positive.__name__ = 'positive whole number'  # argparse puts it into its sentence
_not_negative.__name__ = 'whole number'


def _shape(sides: list[int] | None) -> Shape | None:
    if sides is None:
        return None
    if len(sides) > 2:
        raise UserError(f'--shape takes height and width, or one side, not {len(sides)} numbers')
    return sides[0], sides[-1]


def _made_for(model: nn.Module) -> Shape:
    size = getattr(getattr(model, 'backbone', None), 'img_size', None)
    if not (isinstance(size, tuple) and len(size) == 2):
        raise UserError('the backbone does not say which size it is made for: give --shape H W')
    return size


def _notes(cfg: Config) -> dict:
    """How pictures become the file's input."""
    options = preprocessing(cfg)
    rgb = options.get('to_rgb', options.get('bgr_to_rgb', False))
    return {
        'channels': 'RGB' if rgb else 'as loaded (BGR in OpenMMLab)',
        'mean': list(options.get('mean') or []),
        'std': list(options.get('std') or []),
    }


def _print(report: Report, out: Path, notes: dict) -> None:
    batch = 'any' if report.dynamic_batch else report.batch
    opset = f' opset {report.opset}' if report.opset else ''
    print(f'{out}: {report.format}{opset}, {report.bytes / 1e6:.1f} MB')
    print(
        f'input: {INPUT} ({batch}, 3, {report.shape[0]}, {report.shape[1]}), float32, {_how(notes)}'
    )
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


def _how(notes: dict) -> str:
    if not notes['mean']:
        return notes['channels']
    return f'{notes["channels"]}, (x - mean) / std, mean {notes["mean"]}, std {notes["std"]}'


if __name__ == '__main__':
    sys.exit(main())
