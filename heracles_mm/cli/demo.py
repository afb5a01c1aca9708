"""Train the embedded demo and show what came out: ``python -m heracles_mm.cli.demo``.

Trains Mask R-CNN or UperNet on the composed scenes, evaluates before, during and after, and leaves
in the work folder a report, a curve over training steps and pictures of predictions beside ground
truth.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from heracles_mm.checkpoints.shipped import SCHEME
from heracles_mm.cli import common
from heracles_mm.cli.arguments import OneLineParser, add_runner
from heracles_mm.cli.running import CommandLine
from heracles_mm.configs import CONFIGS
from heracles_mm.datasets import LABEL_CLASSES
from heracles_mm.errors import UserError
from heracles_mm.visualization import plot_curves, plot_predictions, read_scalars

NAME = 'demo'
CONFIG = CONFIGS / 'mask_rcnn_heracles_nano_scenes.py'
PICTURES = 6
EXAMPLES = (
    '--work-dir work_dirs/demo',
    'configs/upernet_hamsa_nano_scenes.py --pretrained',
    'configs/mask_rcnn_hamsa_nano_scenes.py --cfg-options train_cfg.max_iters=40 randomness.seed=1',
)


class Task(NamedTuple):
    """What the demo measures and shows of one task."""

    measures: dict[str, tuple[str, str]]
    """Name in the report -> (scalar that is logged, name for a reader)."""
    full_scale: float
    """The logged value that the report calls 1."""
    curves: tuple[str, ...]
    """The measures that are drawn over the steps."""
    ylabel: str
    curve_file: str


TASKS = {
    'mmdet': Task(
        measures={
            'box_ap': ('coco/bbox_mAP', 'box AP'),
            'mask_ap': ('coco/segm_mAP', 'mask AP'),
            'filled_box_mask_ap': (
                'filled_box/segm_mAP',
                "mask AP of the model's own boxes filled in",
            ),
        },
        full_scale=1,
        curves=('box_ap', 'mask_ap', 'filled_box_mask_ap'),
        ylabel='COCO AP on the val scenes',
        curve_file='ap_over_steps.png',
    ),
    'mmseg': Task(
        measures={
            'miou': ('mIoU', 'mIoU'),
            'floor': ('floor', 'floor: mIoU of the best constant prediction'),
            **{f'iou_{name}': (f'IoU/{name}', f'IoU of {name}') for name in LABEL_CLASSES},
        },
        full_scale=100,  # mmseg logs percent
        curves=('miou', 'floor'),
        ylabel='IoU on the val scenes',
        curve_file='iou_over_steps.png',
    ),
}
"""By the config's default_scope."""


def demo(args: argparse.Namespace) -> None:
    """Train the embedded demo and show what came out."""
    cfg = common.load_config(args)
    task = TASKS.get(cfg.get('default_scope'))
    if task is None:
        raise UserError(
            f'the demo trains configs of {" and ".join(TASKS)} on the scenes, such as '
            f'{CONFIG.name}: {args.config} is of {cfg.get("default_scope")}'
        )
    if args.pretrained:
        backbone = cfg.model.backbone
        name = f'{backbone.type.lower()}_{backbone.get("arch")}_imagenette'
        init = dict(type='Pretrained', checkpoint=SCHEME + name, prefix='backbone.')
        backbone.init_cfg = init
    common.check_data(NAME, cfg, ('train', 'val'))
    start = time.monotonic()
    with common.open_runner(NAME, cfg, trusted=None) as runner:
        runner.train()
        scalars = Path(runner.log_dir) / 'vis_data' / 'scalars.json'
        dataset = runner.val_dataloader.dataset
        indices = range(min(PICTURES, len(dataset)))
        predictions = plot_predictions(cfg, runner.model, dataset, indices)
    curves = {
        name: [(step, value / task.full_scale) for step, value in read_scalars(scalars, key)]
        for name, (key, _) in task.measures.items()
    }
    report = {
        **{name: points[-1][1] for name, points in curves.items()},
        'before': {name: points[0][1] for name, points in curves.items()},
        'steps': max(points[-1][0] for points in curves.values()),
        'seconds': round(time.monotonic() - start, 1),
    }
    folder = Path(cfg.work_dir)
    (folder / 'report.json').write_text(json.dumps(report, indent=2) + '\n')
    named = {task.measures[name][1]: curves[name] for name in task.curves}
    plot_curves(named, ylabel=task.ylabel).savefig(folder / task.curve_file)
    predictions.savefig(folder / 'predictions.png', dpi=130)
    _print_report(task, report, folder)
    checkpoint = folder / f'iter_{report["steps"]}.pth'
    print(f'In the browser (docs/app.md): python tools/app.py {args.config} {checkpoint}')


def _print_report(task: Task, report: dict, folder: Path) -> None:
    table = Table('', title='Composed scenes (synthetic layout, real pixels), val')
    for title in ('before training', f'after {report["steps"]} steps'):
        table.add_column(title, justify='right')
    for name, (_, label) in task.measures.items():
        table.add_row(label, f'{report["before"][name]:.3f}', f'{report[name]:.3f}')
    console = Console()
    console.print(table)
    console.print(f'{report["seconds"]:.0f} s of training and evaluation; in {folder}:')
    console.print(f'report.json, {task.curve_file}, predictions.png', highlight=False)


def _add_arguments(parser: OneLineParser) -> None:
    add_runner(parser, CONFIG)
    start = 'start from the weights that come with the package, learnt on Imagenette'
    parser.add_argument('--pretrained', action='store_true', help=start)


main = CommandLine(demo, _add_arguments, EXAMPLES)

if __name__ == '__main__':
    sys.exit(main())
