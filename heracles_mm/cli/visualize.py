"""Look inside a model: ``python -m heracles_mm.cli.visualize WHAT CONFIG --out FILE``.

Filters, gates, receptive fields, feature maps, activation scales, predictions beside ground truth
and training curves, each as one PNG or SVG file.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import DATASETS, init_default_scope
from torch import Tensor

from heracles_mm import visualization
from heracles_mm.backbones.pyramid import SMALLEST_INPUT, Pyramid
from heracles_mm.checkpoints import read_checkpoint
from heracles_mm.cli import common
from heracles_mm.cli.arguments import OneLineParser, add_config, height_and_width
from heracles_mm.cli.progress import Steps
from heracles_mm.cli.running import CommandLine
from heracles_mm.errors import UserError
from heracles_mm.export.building import build_model
from heracles_mm.forecasting.series_backbone import SeriesBackbone
from heracles_mm.forecasting.trained_forecaster import series_info
from heracles_mm.visualization.curves import counts_epochs
from heracles_mm.visualization.figures import check_picture_path
from heracles_mm.visualization.periods import plot_periods
from heracles_mm.visualization.predictions import LEAST_SCORE
from heracles_mm.visualization.trained_backbone import read_picture, trained_backbone

NAME = 'visualize'
PICTURES = 6
"""Pictures of the val data, where none are named."""

NOISE = 4
"""Pictures of noise where none is given."""


def visualize(args: argparse.Namespace) -> None:
    """Draw what a model or a run holds, as one PNG or SVG file."""
    out = Path(args.out).expanduser()
    check_picture_path(out)
    visualization.save_figure(args.draw(args), out)
    print(f'{out}: {out.stat().st_size / 1000:.0f} kB')


def _filters(args: argparse.Namespace) -> Figure:
    _, backbone = _load(args, series=True)
    if isinstance(backbone, SeriesBackbone):
        if args.stage is not None:
            raise UserError('--stage is of backbones over pictures: those over series have none')
        return plot_periods(backbone, _step_of(args.checkpoint))
    return (
        visualization.plot_filters(backbone)
        if args.stage is None
        else visualization.plot_channels(backbone, args.stage)
    )


def _of_a_picture(args: argparse.Namespace) -> Figure:
    cfg, backbone = _load(args)
    plot = visualization.plot_gates if args.what == 'gates' else visualization.plot_features
    return plot(backbone, _picture(args, cfg, backbone))


def _receptive_field(args: argparse.Namespace) -> Figure:
    cfg, backbone = _load(args)
    stages = args.stage or range(1, len(backbone.stages) + 1)
    pictures, fields = _picture(args, cfg, backbone), {}
    with Steps(NAME, len(stages)) as steps:
        for stage in stages:
            steps.step(f'stage {stage}')
            fields[stage] = visualization.effective_receptive_field(backbone, pictures, stage)
    return visualization.plot_receptive_fields(type(backbone).__name__, fields)


def _activations(args: argparse.Namespace) -> Figure:
    cfg, trained = _load(args)
    pictures = _picture(args, cfg, trained)
    backbones = {'fresh' if args.checkpoint is None else 'trained': trained}
    if args.checkpoint is not None:
        backbones['fresh'] = trained_backbone(cfg, None)
    return visualization.plot_activations(backbones, pictures)


def _predictions(args: argparse.Namespace) -> Figure:
    cfg = common.read_config(args, 'model', 'val_dataloader')
    common.check_checkpoint_path(args.checkpoint)
    common.check_data(NAME, cfg, ('val',))
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    indices = args.index or range(min(PICTURES, len(dataset)))
    if not all(0 <= index < len(dataset) for index in indices):
        raise UserError(f'--index takes 0 to {len(dataset) - 1}, the pictures of val_dataloader')
    MMLogger.get_instance(NAME, log_level='WARNING')  # a complete load is silent
    model = build_model(cfg, args.checkpoint, only_backbone=False)
    return visualization.plot_predictions(cfg, model, dataset, indices, args.score)


def _curves(args: argparse.Namespace) -> Figure:
    files = {run.resolve().name: visualization.find_scalars(run) for run in map(Path, args.run)}
    if len(files) < len(args.run):
        raise UserError('two of the runs have the same folder name, which is their legend')
    panels = {}
    for scalar in args.scalars:
        curves = {name: visualization.read_scalars(file, scalar) for name, file in files.items()}
        epochs = {counts_epochs(file, scalar) for file in files.values()}
        if len(epochs) > 1:
            raise UserError(f'{scalar} is logged by epoch in one run and by step in another')
        panels[scalar] = ('epoch' if epochs.pop() else 'training step', curves)
    return visualization.plot_runs(panels)


def _load(args: argparse.Namespace, series: bool = False) -> tuple[Config, Any]:
    cfg = common.read_config(args)
    torch.manual_seed(0)
    return cfg, trained_backbone(cfg, args.checkpoint, series)


def _step_of(checkpoint: str | None) -> np.timedelta64 | None:
    """From a row to the next of the series that a checkpoint was trained on."""
    info = series_info(read_checkpoint(checkpoint)) if checkpoint else {}
    return np.timedelta64(*info['step']) if info else None


def _picture(args: argparse.Namespace, cfg: Config, backbone: Pyramid) -> Tensor:
    """The picture of --image, or noise, of the size of --size."""
    size = height_and_width('--size', args.size or backbone.img_size, SMALLEST_INPUT)
    if args.image is None:
        generator = torch.Generator().manual_seed(0)
        return torch.randn(NOISE, backbone.in_channels, *size, generator=generator)
    return read_picture(args.image, cfg, size)


WHATS: dict[str, tuple[Callable[[argparse.Namespace], Figure], str]] = {
    'filters': (
        _filters,
        "frequency responses of Heracles' filters, or |K^| of HAMSA's kernels; of a forecaster's "
        'over periods',
    ),
    'gates': (_of_a_picture, "HAMSA's SpectralPulseNet gates of a picture"),
    'receptive-field': (_receptive_field, 'effective receptive field of stages'),
    'features': (_of_a_picture, 'maps of every stage of a picture'),
    'activations': (_activations, 'scale of the activations, block by block'),
    'predictions': (
        _predictions,
        'predictions beside ground truth, of the val data: boxes, label maps or classes',
    ),
    'curves': (_curves, 'training curves from logs, several runs on one plot'),
}
EXAMPLES = (
    'filters configs/heracles_nano_parts.py epoch_10.pth --out filters.png',
    'filters configs/hamsa_nano_parts.py epoch_10.pth --stage 2 --out channels.svg',
    'gates configs/hamsa_nano_parts.py epoch_10.pth --image shoe.png --out gates.png',
    'predictions configs/mask_rcnn_heracles_nano_scenes.py epoch_12.pth --out found.png',
    'curves work_dirs/first work_dirs/second --scalars loss --out curves.png',
)


def _add_arguments(parser: OneLineParser) -> None:
    what = parser.add_subparsers(metavar='WHAT', required=True, dest='what')
    for name, (draw, description) in WHATS.items():
        one = what.add_parser(name, description=description, help=description)
        one.set_defaults(draw=draw)
        add = one.add_argument
        add('--out', required=True, metavar='FILE', help='*.png or *.svg')
        if name == 'curves':
            add('run', nargs='+', help='work folder, or a scalars.json')
            panels = 'panels (default: loss)'
            add('--scalars', nargs='+', default=['loss'], metavar='NAME', help=panels)
            continue
        add_config(one)
        if name == 'predictions':
            add('checkpoint', help='weights of the whole model')
            index = f'numbers of pictures in the data set (default: the first {PICTURES})'
            add('--index', nargs='+', type=int, metavar='I', help=index)
            score = 'least score of the detections shown (default: %(default)s)'
            add('--score', type=float, default=LEAST_SCORE, metavar='S', help=score)
            continue
        add('checkpoint', nargs='?', help='weights (default: fresh ones)')
        if name == 'filters':
            add('--stage', type=int, metavar='N', help="single channels of this stage's blocks")
            continue
        if name == 'receptive-field':
            add('--stage', nargs='+', type=int, metavar='N', help='stages (default: all)')
        needed = name in ('gates', 'features')
        image = 'picture to look at, cut to the middle' + ('' if needed else ' (default: noise)')
        add('--image', required=needed, metavar='FILE', help=image)
        size = "side, or height and width, in px (default: the backbone's img_size)"
        add('--size', nargs='+', type=int, metavar='PX', help=size)


main = CommandLine(visualize, _add_arguments, EXAMPLES)

if __name__ == '__main__':
    sys.exit(main())
