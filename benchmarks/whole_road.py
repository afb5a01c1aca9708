"""Is it worth pretraining? The whole road at nano size, with and without, at equal steps.

For every family and seed: a classifier is trained on the embedded pictures (9 classes, train
split), then Mask R-CNN on the composed scenes twice, its backbone from that classifier and from
scratch, all else equal, the seed too. The table gives the AP on the val scenes, the picture the way
there. The scenes are composed of the pixels that the classifier saw, so the gain says that the road
works, and nothing about ImageNet and COCO. Every run is one of our own commands and is printed;
finished runs in --work-dir are kept.

    python benchmarks/whole_road.py [--families heracles hamsa] [--seeds 0 1 2]
"""

import argparse
import shlex
import statistics
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from heracles_mm.cli.progress import Steps
from heracles_mm.datasets.pictures import write_pictures
from heracles_mm.visualization import plot_curves, read_scalars

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
MEASURES = {'box AP': 'coco/bbox_mAP', 'mask AP': 'coco/segm_mAP'}
ARMS = ('from scratch', 'pretrained')

Points = list[tuple[int, float]]


def train(config: str, folder: Path, last: str, options: dict[str, object], steps: Steps) -> Path:
    """Train unless ``folder`` holds the checkpoint ``last`` of an earlier run; return that file."""
    checkpoint = folder / last
    if checkpoint.is_file():
        with steps:
            steps.step(f'{folder.name}: kept')
    else:
        settings = [f'{key}={value}' for key, value in options.items()]
        command = ['-m', 'heracles_mm.cli.train', str(CONFIGS / config)]
        command += ['--work-dir', str(folder), '--cfg-options', *settings]
        print('python', shlex.join(command), flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / 'printed.txt', 'w') as printed, steps:
            steps.step(folder.name)
            done = subprocess.run([sys.executable, *command], stdout=printed, stderr=printed)
        if done.returncode:
            sys.exit(f'whole_road: error: that run failed, see {folder / "printed.txt"}')
    return checkpoint


def pretrain(family: str, seed: int, args: argparse.Namespace, steps: Steps) -> Path:
    """The checkpoint of a classifier of the embedded pictures."""
    options = {
        'train_cfg.max_epochs': args.epochs,
        'param_scheduler.1.end': args.epochs,
        'default_hooks.checkpoint.interval': args.epochs,
        'randomness.seed': seed,
    }
    for loader in ('train_dataloader', 'val_dataloader'):
        options[f'{loader}.dataset.data_root'] = args.work_dir / 'pictures'
    folder = args.work_dir / f'{family}_classifier_{args.epochs}_epochs_seed{seed}'
    return train(f'{family}_nano_pictures.py', folder, f'epoch_{args.epochs}.pth', options, steps)


def detect(
    family: str, seed: int, args: argparse.Namespace, start: Path | None, steps: Steps
) -> dict:
    """Measure -> AP over steps of Mask R-CNN, its backbone from the checkpoint ``start`` or new."""
    warmup = max(1, min(50, args.steps // 4))
    options = {
        'train_cfg.max_iters': args.steps,
        'train_cfg.val_interval': max(args.steps // 4, 1),
        'param_scheduler.0.end': warmup,
        'param_scheduler.1.begin': warmup,
        'param_scheduler.1.end': args.steps,
        'default_hooks.checkpoint.interval': args.steps,
        'randomness.seed': seed,
    }
    name = f'{family}_detector_{args.steps}_steps_seed{seed}'
    if start:
        name = f'{name}_after_{args.epochs}_epochs'
        options |= {
            'model.backbone.init_cfg.type': 'Pretrained',
            'model.backbone.init_cfg.prefix': 'backbone.',
            'model.backbone.init_cfg.checkpoint': start,
        }
    if args.val_scenes:
        options['val_dataloader.dataset.num_val'] = args.val_scenes
    folder = args.work_dir / name
    train(f'mask_rcnn_{family}_nano_scenes.py', folder, f'iter_{args.steps}.pth', options, steps)
    scalars = max(folder.glob('*/vis_data/scalars.json'))  # of the last run, should one have died
    return {measure: read_scalars(scalars, key) for measure, key in MEASURES.items()}


def mean_curve(runs: list[Points]) -> Points:
    return [
        (points[0][0], statistics.mean(value for _, value in points))
        for points in zip(*runs, strict=True)
    ]


def spread(values: list[float]) -> str:
    return f'{statistics.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})'


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--families', nargs='+', default=['heracles', 'hamsa'])
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--epochs', type=int, default=10, help='of the classifier')
    parser.add_argument('--pictures', type=int, default=200, help='to pretrain on, of each class')
    parser.add_argument('--steps', type=int, default=240, help='of the detector')
    parser.add_argument('--val-scenes', type=int, help="default: the detector config's")
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/whole_road'))
    parser.add_argument('--picture', type=Path, default=Path('docs/images/whole_road.png'))
    args = parser.parse_args()

    write_pictures(args.work_dir / 'pictures', train=args.pictures, val=args.pictures // 4)
    table = Table(title=f'AP on the val scenes after {args.steps} steps, {len(args.seeds)} seeds')
    for column in ('', '', *ARMS, 'gain, seed by seed'):
        table.add_column(column)
    curves = {}
    steps = Steps('whole_road', 3 * len(args.families) * len(args.seeds))
    for family in args.families:
        runs = {
            arm: [
                detect(
                    family,
                    seed,
                    args,
                    start=pretrain(family, seed, args, steps) if index else None,
                    steps=steps,
                )
                for seed in args.seeds
            ]
            for index, arm in enumerate(ARMS)
        }
        for arm in ARMS:
            curves[f'{family}, {arm}'] = mean_curve([run['box AP'] for run in runs[arm]])
        for measure in MEASURES:
            scratch, tuned = ([run[measure][-1][1] for run in runs[arm]] for arm in ARMS)
            gains = '  '.join(f'{after - before:+.3f}' for before, after in zip(scratch, tuned))
            table.add_row(family, measure, spread(scratch), spread(tuned), gains)
    Console(width=120).print(table)
    args.picture.parent.mkdir(parents=True, exist_ok=True)
    label = f'box AP on the val scenes, mean of {len(args.seeds)} seeds'
    plot_curves(curves, ylabel=label).savefig(args.picture, dpi=120)
    print(args.picture)


if __name__ == '__main__':
    main()
