"""Look inside a model: ``python -m heracles_mm.cli.visualize WHAT CONFIG --out FILE``.

Filters, gates, receptive fields, feature maps, activation scales, predictions beside ground truth
and training curves, each as one PNG or SVG file.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import DATASETS, init_default_scope
from torch import Tensor

from heracles_mm.backbones.pyramid import SMALLEST_INPUT, Pyramid
from heracles_mm.cli.common import (
    check_checkpoint_path,
    check_data,
    config_parser,
    parse,
    read_config,
)
from heracles_mm.cli.progress import Steps
from heracles_mm.cli.running import OneLineParser, run_tool
from heracles_mm.errors import UserError
from heracles_mm.export.building import build_model
from heracles_mm.visualization import (
    LEAST_SCORE,
    check_picture_path,
    counts_epochs,
    effective_receptive_field,
    find_scalars,
    plot_activations,
    plot_channels,
    plot_features,
    plot_filters,
    plot_gates,
    plot_receptive_fields,
    plot_runs,
    read_scalars,
    save_figure,
)
from heracles_mm.visualization.trained_backbone import read_picture, trained_backbone

NAME = 'visualize'
PICTURES = 6
"""Pictures of the val data, where none are named."""

NOISE = 4
"""Pictures of noise where none is given."""


def main(argv: list[str] | None = None) -> int:
    """Draw; ``argv`` defaults to the command line. Returns the exit code."""
    return run_tool(NAME, lambda: visualize(argv))


def visualize(argv: list[str] | None) -> None:
    """Parse ``argv`` and draw, raising the errors that ``main`` turns into a sentence."""
    args = parse(_parser(), argv)
    out = Path(args.out).expanduser()
    try:
        check_picture_path(out)
        figure = args.draw(args)
    except ValueError as error:
        raise UserError(str(error)) from error
    save_figure(figure, out)
    print(f'{out}: {out.stat().st_size / 1000:.0f} kB')


def _filters(args: argparse.Namespace) -> Figure:
    _, backbone = _load(args)
    return plot_filters(backbone) if args.stage is None else plot_channels(backbone, args.stage)


def _gates(args: argparse.Namespace) -> Figure:
    cfg, backbone = _load(args)
    return plot_gates(backbone, _picture(args, cfg, backbone))


def _features(args: argparse.Namespace) -> Figure:
    cfg, backbone = _load(args)
    return plot_features(backbone, _picture(args, cfg, backbone))


def _receptive_field(args: argparse.Namespace) -> Figure:
    cfg, backbone = _load(args)
    stages = args.stage or range(1, len(backbone.stages) + 1)
    pictures, fields = _picture(args, cfg, backbone), {}
    with Steps(NAME, len(stages)) as steps:
        for stage in stages:
            steps.step(f'stage {stage}')
            fields[stage] = effective_receptive_field(backbone, pictures, stage)
    return plot_receptive_fields(type(backbone).__name__, fields)


def _activations(args: argparse.Namespace) -> Figure:
    cfg, trained = _load(args)
    pictures = _picture(args, cfg, trained)
    backbones = {'fresh' if args.checkpoint is None else 'trained': trained}
    if args.checkpoint is not None:
        backbones['fresh'] = trained_backbone(cfg, None)
    return plot_activations(backbones, pictures)


def _predictions(args: argparse.Namespace) -> Figure:
    from heracles_mm.visualization.predictions import plot_predictions  # needs mmcv

    cfg = read_config(args)
    if not (cfg.get('model') and cfg.get('val_dataloader')):
        raise UserError(f'the config {args.config} needs model and val_dataloader to draw from')
    check_checkpoint_path(args.checkpoint)
    check_data(cfg, ('val',))
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    indices = args.index or range(min(PICTURES, len(dataset)))
    if not all(0 <= index < len(dataset) for index in indices):
        raise UserError(f'--index takes 0 to {len(dataset) - 1}, the pictures of val_dataloader')
    MMLogger.get_instance(NAME, log_level='WARNING')  # a complete load is silent
    model = build_model(cfg, args.checkpoint, only_backbone=False)
    return plot_predictions(cfg, model, dataset, indices, args.score)


def _curves(args: argparse.Namespace) -> Figure:
    files = {run.resolve().name: find_scalars(run) for run in map(Path, args.run)}
    if len(files) < len(args.run):
        raise UserError('two of the runs have the same folder name, which is their legend')
    panels = {}
    for scalar in args.scalars:
        curves = {name: read_scalars(file, scalar) for name, file in files.items()}
        epochs = {counts_epochs(file, scalar) for file in files.values()}
        if len(epochs) > 1:
            raise UserError(f'{scalar} is logged by epoch in one run and by step in another')
        panels[scalar] = ('epoch' if epochs.pop() else 'training step', curves)
    return plot_runs(panels)


def _load(args: argparse.Namespace) -> tuple[Config, Pyramid]:
    cfg = read_config(args)
    torch.manual_seed(0)
    return cfg, trained_backbone(cfg, args.checkpoint)


def _picture(args: argparse.Namespace, cfg: Config, backbone: Pyramid) -> Tensor:
    """The picture of --image, or noise, of the size of --size."""
    sides = args.size or backbone.img_size
    if len(sides) > 2 or min(sides) < SMALLEST_INPUT:
        raise UserError(
            f'--size takes a side or height and width of at least {SMALLEST_INPUT} px, '
            f'got {" ".join(map(str, sides))}'
        )
    size = sides[0], sides[-1]
    if args.image is None:
        return torch.randn(NOISE, 3, *size, generator=torch.Generator().manual_seed(0))
    return read_picture(args.image, cfg, size)


WHATS: dict[str, tuple[Callable[[argparse.Namespace], Figure], str]] = {
    'filters': (_filters, "frequency responses of Heracles' filters, or |K^| of HAMSA's kernels"),
    'gates': (_gates, "HAMSA's SpectralPulseNet gates of a picture"),
    'receptive-field': (_receptive_field, 'effective receptive field of stages'),
    'features': (_features, 'maps of every stage of a picture'),
    'activations': (_activations, 'scale of the activations, block by block'),
}
EXAMPLES = (
    'filters configs/heracles_nano_parts.py epoch_10.pth --out filters.png',
    'filters configs/hamsa_nano_parts.py epoch_10.pth --stage 2 --out channels.svg',
    'gates configs/hamsa_nano_parts.py epoch_10.pth --image shoe.png --out gates.png',
    'predictions configs/mask_rcnn_heracles_nano_scenes.py epoch_12.pth --out found.png',
    'curves work_dirs/first work_dirs/second --scalars loss --out curves.png',
)


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog=NAME,
        description=__doc__.split('\n\n')[1],
        examples=EXAMPLES,
        allow_abbrev=False,
    )
    what = parser.add_subparsers(metavar='WHAT', required=True, dest='what')
    for name, (draw, description) in WHATS.items():
        one = what.add_parser(
            name,
            parents=[config_parser(NAME, description)],
            description=description,
            help=description,
            conflict_handler='resolve',
        )
        one.add_argument('checkpoint', nargs='?', help='weights (default: fresh ones)')
        if name == 'filters':
            one.add_argument(
                '--stage', type=int, metavar='N', help="single channels of this stage's blocks"
            )
        else:
            one.add_argument(
                '--image',
                required=name in ('gates', 'features'),
                metavar='FILE',
                help='picture to look at, cut to the middle'
                + ('' if name in ('gates', 'features') else ' (default: noise)'),
            )
            one.add_argument(
                '--size',
                nargs='+',
                type=int,
                metavar='PX',
                help="side, or height and width, in px (default: the backbone's img_size)",
            )
        if name == 'receptive-field':
            one.add_argument(
                '--stage', nargs='+', type=int, metavar='N', help='stages (default: all)'
            )
        one.set_defaults(draw=draw)
    description = 'predictions beside ground truth, of the val data: boxes, label maps or classes'
    predictions = what.add_parser(
        'predictions',
        parents=[config_parser(NAME, description)],
        description=description,
        help=description,
        conflict_handler='resolve',
    )
    predictions.add_argument('checkpoint', help='weights of the whole model')
    predictions.add_argument(
        '--index',
        nargs='+',
        type=int,
        metavar='I',
        help=f'numbers of pictures in the data set, from 0 (default: the first {PICTURES})',
    )
    predictions.add_argument(
        '--score',
        type=float,
        default=LEAST_SCORE,
        metavar='S',
        help='least score of the detections shown (default: %(default)s)',
    )
    predictions.set_defaults(draw=_predictions)
    description = 'training curves from logs, several runs on one plot'
    curves = what.add_parser('curves', description=description, help=description)
    curves.add_argument('run', nargs='+', help='work folder, or a scalars.json')
    curves.add_argument(
        '--scalars', nargs='+', default=['loss'], metavar='NAME', help='panels (default: loss)'
    )
    curves.set_defaults(draw=_curves)
    for one in what.choices.values():
        one.add_argument('--out', required=True, metavar='FILE', help='*.png or *.svg')
    return parser


if __name__ == '__main__':
    sys.exit(main())
