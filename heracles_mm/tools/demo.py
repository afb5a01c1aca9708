"""Train the embedded demo and show what came out: ``python -m heracles_mm.tools.demo``.

Trains Mask R-CNN on the composed scenes, evaluates before, during and after, and leaves in the work
folder a report, a curve of AP over training steps and pictures of predictions beside ground truth.
"""

import json
import sys
import time
from pathlib import Path

import torch
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from rich.console import Console
from rich.table import Table

from heracles_mm.tools.common import check_data, load_config, open_runner, parse, tool_parser
from heracles_mm.tools.errors import run_tool
from heracles_mm.visualization import Detections, plot_curves, plot_detections, read_scalars

NAME = 'demo'
CONFIG = Path(__file__).parents[1] / '.mim' / 'configs' / 'mask_rcnn_heracles_nano_scenes.py'
PICTURES = 6
SCORE_SHOWN = 0.5
"""Predictions below it are left out of the pictures (never out of the AP)."""

MEASURES = {
    'box_ap': ('coco/bbox_mAP', 'box AP'),
    'mask_ap': ('coco/segm_mAP', 'mask AP'),
    'filled_box_mask_ap': ('filled_box/segm_mAP', "mask AP of the model's own boxes filled in"),
}
"""Name in the report: (scalar that is logged, name for a reader)."""

Curves = dict[str, list[tuple[int, float]]]


def main(argv: list[str] | None = None) -> int:
    """Run the demo; ``argv`` defaults to the command line. Returns the exit code."""
    return run_tool(NAME, lambda: demo(argv))


def demo(argv: list[str] | None) -> None:
    """Train, evaluate, and leave report.json, ap_over_steps.png and predictions.png."""
    args = parse(tool_parser(NAME, 'Train the embedded demo.', default_config=CONFIG), argv)
    cfg = load_config(args)
    check_data(cfg, ('train', 'val'))
    start = time.monotonic()
    with open_runner(NAME, cfg, trusted=None) as runner:
        runner.train()
        scalars = Path(runner.log_dir) / 'vis_data' / 'scalars.json'
        curves = {name: read_scalars(scalars, key) for name, (key, _) in MEASURES.items()}
        pictures = predict(runner, PICTURES)
        meta = runner.val_dataloader.dataset.metainfo
    report = make_report(curves, seconds=time.monotonic() - start)
    folder = Path(cfg.work_dir)
    (folder / 'report.json').write_text(json.dumps(report, indent=2) + '\n')
    named = {MEASURES[name][1]: points for name, points in curves.items()}
    plot_curves(named, ylabel='COCO AP on the val scenes').savefig(folder / 'ap_over_steps.png')
    figure = plot_detections(pictures, meta['classes'], meta['palette'])
    figure.savefig(folder / 'predictions.png', dpi=130)
    print_report(report, folder)


def predict(runner: Runner, count: int) -> list[tuple]:
    """The first val pictures, each with its ground truth and what the model finds in it."""
    dataset = runner.val_dataloader.dataset
    items = [dataset[index] for index in range(min(count, len(dataset)))]
    runner.model.eval()
    with torch.no_grad():
        found = runner.model.test_step(pseudo_collate(items))
    pictures = []
    for item, sample in zip(items, found, strict=True):
        truth, prediction = item['data_samples'].gt_instances, sample.pred_instances.cpu().numpy()
        prediction = prediction[prediction.scores >= SCORE_SHOWN]
        pictures.append(
            (
                item['inputs'].flip(0).permute(1, 2, 0).numpy(),  # BGR (3, H, W) to RGB (H, W, 3)
                Detections(
                    truth.bboxes.numpy(), truth.labels.numpy(), truth.masks.masks.astype(bool)
                ),
                Detections(
                    prediction.bboxes, prediction.labels, prediction.masks, prediction.scores
                ),
            )
        )
    return pictures


def make_report(curves: Curves, seconds: float) -> dict:
    """The last value of each measure, its first under ``before``, and the wall time in seconds."""
    return {
        **{name: points[-1][1] for name, points in curves.items()},
        'before': {name: points[0][1] for name, points in curves.items()},
        'steps': curves['box_ap'][-1][0],
        'seconds': round(seconds, 1),
    }


def print_report(report: dict, folder: Path) -> None:
    """The table of the demo."""
    table = Table(title='Composed scenes (synthetic layout, real pixels), val')
    table.add_column('')
    table.add_column('before training', justify='right')
    table.add_column(f'after {report["steps"]} steps', justify='right')
    for name, (_, label) in MEASURES.items():
        table.add_row(label, f'{report["before"][name]:.3f}', f'{report[name]:.3f}')
    console = Console()
    console.print(table)
    console.print(f'{report["seconds"]:.0f} s of training and evaluation; in {folder}:')
    console.print('report.json, ap_over_steps.png, predictions.png', highlight=False)


if __name__ == '__main__':
    sys.exit(main())
