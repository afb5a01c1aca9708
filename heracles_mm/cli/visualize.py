"""Look inside a model: ``python -m heracles_mm.cli.visualize WHAT CONFIG --out FILE``.

Filters, gates, receptive fields, feature maps, activation scales, class activation maps,
predictions beside ground truth and training curves, each as one PNG or SVG file.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
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
from heracles_mm.checkpoints.recognise import a_few
from heracles_mm.checkpoints.writing import check_output
from heracles_mm.cli import common
from heracles_mm.cli.arguments import OneLineParser, add_config, height_and_width
from heracles_mm.cli.progress import Steps
from heracles_mm.cli.running import CommandLine
from heracles_mm.errors import UserError
from heracles_mm.export.building import build_model
from heracles_mm.forecasting.series_backbone import SeriesBackbone
from heracles_mm.forecasting.trained_forecaster import series_info
from heracles_mm.visualization.activation_maps import METHODS
from heracles_mm.visualization.curves import counts_epochs
from heracles_mm.visualization.figures import check_picture_path
from heracles_mm.visualization.periods import plot_periods
from heracles_mm.visualization.predictions import LEAST_SCORE
from heracles_mm.visualization.trained_backbone import (
    check_backbone,
    read_picture,
    trained_backbone,
)

NAME = 'visualize'
PICTURES = 6
"""Pictures of the val data, where none are named."""

NOISE = 4
"""Pictures of noise where none is given."""

SIZE = "side, or height and width, in px (default: the backbone's img_size)"


def visualize(args: argparse.Namespace) -> None:
    """Draw what a model or a run holds, as one PNG or SVG file."""
    out = Path(args.out).expanduser()
    check_picture_path(out)
    given = vars(args)
    images = given.get('image') or []
    images = [images] if isinstance(images, str) else images
    check_output(out, given.get('config'), given.get('checkpoint'), *images)
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
            field = visualization.effective_receptive_field(backbone, pictures, stage)
            fields[f'stage {stage}'] = field
    return visualization.plot_receptive_fields(
        f'{type(backbone).__name__}: effective receptive field', fields
    )


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
    shown = min(PICTURES, len(dataset))  # neighbours are of one class, or of one film
    indices = args.index or [i * len(dataset) // shown for i in range(shown)]
    if not all(0 <= index < len(dataset) for index in indices):
        raise UserError(f'--index takes 0 to {len(dataset) - 1}, the pictures of val_dataloader')
    MMLogger.get_instance(NAME, log_level='WARNING')  # a complete load is silent
    model = build_model(cfg, args.checkpoint, only_backbone=False)
    return visualization.plot_predictions(cfg, model, dataset, indices, args.score)


def _cam(args: argparse.Namespace) -> Figure:
    cfg = common.read_config(args, 'model')
    common.check_checkpoint_path(args.checkpoint)
    MMLogger.get_instance(NAME, log_level='WARNING')  # a complete load is silent
    model = build_model(cfg, args.checkpoint, only_backbone=False)
    backbone: Any = getattr(model, 'backbone', None)
    check_backbone(cfg, backbone)
    meta = read_checkpoint(args.checkpoint, mmap=True).get('meta') or {}
    classes = (meta.get('dataset_meta') or {}).get('classes')
    label = None if args.of_class is None else _class_number(args.of_class, classes)
    size = height_and_width('--size', args.size or backbone.img_size, SMALLEST_INPUT)
    stages = args.stage or [len(backbone.stages)]
    scope = cfg.get('default_scope')
    rows = []
    with Steps(NAME, len(args.image)) as steps:
        for file in args.image:
            steps.step(file)
            picture = read_picture(file, cfg, size)
            found = visualization.class_activation(
                scope, model, picture, stages, args.method, label
            )
            rows.append((picture, *found))
    return visualization.plot_class_activation(rows, classes)


def _class_number(name: str, classes: Sequence[str] | None) -> int:
    """Of a name, or of digits; ``classes`` are those that the checkpoint names, if any."""
    if classes and name in classes:
        return [*classes].index(name)
    if name.isdecimal() and (not classes or int(name) < len(classes)):
        return int(name)
    known = f'those of the checkpoint are {a_few(classes, 20)}' if classes else 'give its number'
    raise UserError(f'--class {name} is unknown: {known}')


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
    'cam': (_cam, 'which places speak for the class that a model finds: Grad-CAM and its kin'),
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
    'cam configs/heracles_nano_parts.py epoch_10.pth --image shoe.png --stage 3 4 --out cam.png',
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
            index = f'numbers of pictures in the data set (default: {PICTURES}, evenly taken)'
            add('--index', nargs='+', type=int, metavar='I', help=index)
            score = 'least score of the detections shown (default: %(default)s)'
            add('--score', type=float, default=LEAST_SCORE, metavar='S', help=score)
            continue
        if name == 'cam':
            add('checkpoint', help='weights of the whole model')
            add('--image', required=True, nargs='+', metavar='FILE', help='pictures, a row each')
            add('--stage', nargs='+', type=int, metavar='N', help='stages (default: the last)')
            one_class = 'name or number of a class (default: the one that the model finds first)'
            add('--class', dest='of_class', metavar='NAME', help=one_class)
            methods = 'how the maps are made (default: gradcam, of a detector layercam)'
            add('--method', choices=METHODS, help=methods)
            add('--size', nargs='+', type=int, metavar='PX', help=SIZE)
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
        add('--size', nargs='+', type=int, metavar='PX', help=SIZE)


main = CommandLine(visualize, _add_arguments, EXAMPLES)

if __name__ == '__main__':
    sys.exit(main())
