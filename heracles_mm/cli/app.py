"""Look at a model in the browser: ``python -m heracles_mm.cli.app MODEL.onnx`` or ``CONFIG
CHECKPOINT``.

The page listens at 127.0.0.1 alone. What it shows: docs/app.md.
"""

import argparse
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import torch
from matplotlib.figure import Figure
from mmengine.logging import MMLogger
from PIL import Image

from heracles_mm import visualization
from heracles_mm.backbones.pyramid import Pyramid
from heracles_mm.cli import common
from heracles_mm.cli.arguments import OneLineParser, add_config, at_least
from heracles_mm.cli.running import CommandLine, print_line
from heracles_mm.datasets.scenes import compose_scene
from heracles_mm.datasets.spec import ScenesSpec
from heracles_mm.errors import UserError
from heracles_mm.export.eager_model import eager_model
from heracles_mm.runtime import Model
from heracles_mm.runtime.decoding import read_picture
from heracles_mm.runtime.engines import ENGINES
from heracles_mm.runtime.page import served
from heracles_mm.visualization.trained_backbone import trained_backbone

NAME = 'app'
PORT = 7860
MOST_PORTS = 65535
EXAMPLES_SHOWN = 4
NOISE = 2
"""Pictures of noise that a receptive field is measured on."""

EXAMPLES = (
    'heracles_s.onnx',
    'configs/mask_rcnn_heracles_nano_scenes.py work_dirs/demo/iter_720.pth',
    'detector.onnx --examples pictures --port 8000',
)


def app(args: argparse.Namespace) -> None:
    """Look at a model in the browser: what it finds in pictures, and what is inside."""
    if args.port > MOST_PORTS:
        raise UserError(f'--port is a number from 1 to {MOST_PORTS}, not {args.port}')
    inside: dict[str, Callable[[], Figure]] = {}
    if args.config.endswith('.onnx'):
        if args.checkpoint is not None:
            raise UserError(f'{args.config} holds its weights: leave out {args.checkpoint}')
        model = Model(args.config, args.engine)
    else:
        model, inside = _of_checkpoint(args)
    with served(model, _examples(args.examples), inside, args.port) as address:
        print(f'{address} shows {model.description.name}; end with Ctrl-C', flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print_line(NAME, 'ended')


def _of_checkpoint(
    args: argparse.Namespace,
) -> tuple[Model, dict[str, Callable[[], Figure]]]:
    cfg = common.read_config(args, 'model')
    if args.checkpoint is None:
        raise UserError(f'{args.config} is a config: name a checkpoint of its model after it')
    common.check_checkpoint_path(args.checkpoint)
    MMLogger.get_instance(NAME, log_level='WARNING')
    model = eager_model(cfg, args.checkpoint)
    if common.type_name(cfg.model.get('backbone') or {}) not in ('Hamsa', 'Heracles'):
        return model, {}
    return model, _figures(trained_backbone(cfg, args.checkpoint))


def _figures(backbone: Pyramid) -> dict[str, Callable[[], Figure]]:
    """What is looked at inside a backbone, by title."""

    def fields() -> Figure:
        generator = torch.Generator().manual_seed(0)
        size = NOISE, backbone.in_channels, *backbone.img_size
        pictures = torch.randn(size, generator=generator)
        stages = range(1, len(backbone.stages) + 1)
        found = {
            f'stage {stage}': visualization.effective_receptive_field(backbone, pictures, stage)
            for stage in stages
        }
        return visualization.plot_receptive_fields(type(backbone).__name__, found)

    return {
        'filters or kernels': lambda: visualization.plot_filters(backbone),
        'receptive field': fields,
    }


def _examples(folder: Path | None) -> list[Image.Image]:
    """The first pictures of a folder, or composed scenes."""
    if folder is None:
        scenes = (compose_scene(ScenesSpec(), 'val', index) for index in range(EXAMPLES_SHOWN))
        return [Image.fromarray(scene.image[..., ::-1].copy()) for scene in scenes]
    files = sorted(path for path in folder.glob('*') if path.is_file())[:EXAMPLES_SHOWN]
    if not files:
        raise UserError(f'the folder of examples {folder} holds no file')
    return [Image.fromarray(read_picture(file)) for file in files]


def _add_arguments(parser: OneLineParser) -> None:
    add_config(parser)
    add = parser.add_argument
    add('checkpoint', nargs='?', help='of the config; a file of tools/export_onnx.py needs none')
    folder = 'of pictures to choose from (default: composed scenes)'
    add('--examples', type=Path, metavar='FOLDER', help=folder)
    add('--port', type=at_least(1), default=PORT, help='default: %(default)s')
    add('--engine', choices=list(ENGINES), default='onnxruntime', help='default: %(default)s')


main = CommandLine(app, _add_arguments, EXAMPLES)

if __name__ == '__main__':
    sys.exit(main())
