"""Train the embedded demo and show what came out: ``python -m heracles_mm.cli.demo``.

Trains Mask R-CNN or UperNet on the composed scenes, evaluates before, during and after, and leaves
in the work folder a report, a curve over training steps and pictures of predictions beside ground
truth.
"""

import json
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from heracles_mm.cli import demo_detection, demo_segmentation
from heracles_mm.cli.common import check_data, load_config, open_runner, parse, tool_parser
from heracles_mm.cli.demo_task import DemoTask
from heracles_mm.cli.running import OneLineParser, run_tool
from heracles_mm.errors import UserError
from heracles_mm.visualization import plot_curves, read_scalars
from heracles_mm.visualization.predictions import plot_predictions

NAME = 'demo'
CONFIG = Path(__file__).parents[1] / '.mim' / 'configs' / 'mask_rcnn_heracles_nano_scenes.py'
TASKS = {'mmdet': demo_detection.TASK, 'mmseg': demo_segmentation.TASK}
"""default_scope of a config -> what the demo measures and shows."""
PICTURES = 6
EXAMPLES = (
    '--work-dir work_dirs/demo',
    'configs/upernet_hamsa_nano_scenes.py',
    'configs/mask_rcnn_hamsa_nano_scenes.py --cfg-options train_cfg.max_iters=40 randomness.seed=1',
)

Curves = dict[str, list[tuple[int, float]]]


def main(argv: list[str] | None = None) -> int:
    """Run the demo; ``argv`` defaults to the command line. Returns the exit code."""
    return run_tool(NAME, lambda: demo(argv))


def demo(argv: list[str] | None) -> None:
    """Train, evaluate, and leave report.json, the curve and predictions.png."""
    args = parse(_parser(), argv)
    cfg = load_config(args)
    task = TASKS.get(cfg.get('default_scope'))
    if task is None:
        raise UserError(
            f'the demo trains configs of {" and ".join(TASKS)} on the scenes, such as '
            f'{CONFIG.name}: {args.config} is of {cfg.get("default_scope")}'
        )
    check_data(cfg, ('train', 'val'))
    start = time.monotonic()
    with open_runner(NAME, cfg, trusted=None) as runner:
        runner.train()
        scalars = Path(runner.log_dir) / 'vis_data' / 'scalars.json'
        curves = read_curves(task, scalars)
        dataset = runner.val_dataloader.dataset
        predictions = plot_predictions(
            cfg, runner.model, dataset, range(min(PICTURES, len(dataset)))
        )
    report = make_report(curves, seconds=time.monotonic() - start)
    folder = Path(cfg.work_dir)
    (folder / 'report.json').write_text(json.dumps(report, indent=2) + '\n')
    named = {task.measures[name][1]: curves[name] for name in task.curves}
    plot_curves(named, ylabel=task.ylabel).savefig(folder / task.curve_file)
    predictions.savefig(folder / 'predictions.png', dpi=130)
    print_report(task, report, folder)


def _parser() -> OneLineParser:
    return tool_parser(NAME, 'Train the embedded demo.', CONFIG, EXAMPLES)


def read_curves(task: DemoTask, scalars: Path) -> Curves:
    """Every measure of the task over the steps, from 0 to 1."""
    return {
        name: [(step, value / task.full_scale) for step, value in read_scalars(scalars, key)]
        for name, (key, _) in task.measures.items()
    }


def make_report(curves: Curves, seconds: float) -> dict:
    """The last value of each measure, its first under ``before``, and the wall time in seconds."""
    return {
        **{name: points[-1][1] for name, points in curves.items()},
        'before': {name: points[0][1] for name, points in curves.items()},
        'steps': max(points[-1][0] for points in curves.values()),
        'seconds': round(seconds, 1),
    }


def print_report(task: DemoTask, report: dict, folder: Path) -> None:
    """The table of the demo."""
    table = Table(title='Composed scenes (synthetic layout, real pixels), val')
    table.add_column('')
    table.add_column('before training', justify='right')
    table.add_column(f'after {report["steps"]} steps', justify='right')
    for name, (_, label) in task.measures.items():
        table.add_row(label, f'{report["before"][name]:.3f}', f'{report[name]:.3f}')
    console = Console()
    console.print(table)
    console.print(f'{report["seconds"]:.0f} s of training and evaluation; in {folder}:')
    console.print(f'report.json, {task.curve_file}, predictions.png', highlight=False)


if __name__ == '__main__':
    sys.exit(main())
