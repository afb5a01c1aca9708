"""Is it worth pretraining? Training at nano size with and without it, at equal steps.

For every family and seed: a classifier is trained on the embedded pictures (9 classes, train
split), then Mask R-CNN on the composed scenes twice, its backbone from that classifier and from
scratch, all else equal, the seed too. The table gives the AP on the val scenes, the picture its
curves. The scenes are composed of the pixels that the classifier saw, so the gain says that
pretraining works, and nothing about ImageNet and COCO. Every run is one of our own commands and is
printed; finished runs in --work-dir are kept.

    python benchmarks/pretraining_gain.py [--families heracles hamsa] [--seeds 0 1 2]

--epochs are the classifier's, --pictures of each class are what it sees, --steps the detector's;
--val-scenes 0 takes as many as the detector's config.
"""

import argparse
import shlex
import statistics
import subprocess
import sys
from pathlib import Path

from common import log, mean_curve, options, save_curves
from rich.console import Console
from rich.table import Table

from heracles_mm.datasets.pictures import write_pictures
from heracles_mm.visualization import read_scalars

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
NAME = 'pretraining_gain'
MEASURES = {'box AP': 'coco/bbox_mAP', 'mask AP': 'coco/segm_mAP'}
ENDS = ('param_scheduler.1.end', 'default_hooks.checkpoint.interval')
ARMS = ('from scratch', 'pretrained')


def train(config: str, folder: Path, last: str, options: dict[str, object]) -> Path:
    """Train unless ``folder`` holds the checkpoint ``last`` of an earlier run; return that file."""
    checkpoint = folder / last
    if checkpoint.is_file():
        log(f'{folder.name}: kept')
        return checkpoint
    settings = [f'{key}={value}' for key, value in options.items()]
    command = ['-m', 'heracles_mm.cli.train', str(CONFIGS / config)]
    command += ['--work-dir', str(folder), '--cfg-options', *settings]
    print('python', shlex.join(command), flush=True)
    log(folder.name)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / 'printed.txt', 'w') as printed:
        done = subprocess.run([sys.executable, *command], stdout=printed, stderr=printed)
    if done.returncode:
        sys.exit(f'{NAME}: error: that run failed, see {folder / "printed.txt"}')
    return checkpoint


def pretrain(family: str, seed: int, args: argparse.Namespace) -> Path:
    """The checkpoint of a classifier of the embedded pictures."""
    options = dict.fromkeys(('train_cfg.max_epochs', *ENDS), args.epochs)
    options['randomness.seed'] = seed
    for name in ('train', 'val'):
        options[f'{name}_dataloader.dataset.data_root'] = args.work_dir / 'pictures'
    folder = args.work_dir / f'{family}_classifier_{args.epochs}_epochs_seed{seed}'
    return train(f'{family}_nano_pictures.py', folder, f'epoch_{args.epochs}.pth', options)


def detect(family: str, seed: int, args: argparse.Namespace, start: Path | None) -> dict:
    """Measure -> AP over steps of Mask R-CNN, its backbone from the checkpoint ``start`` or new."""
    warmup = max(1, min(50, args.steps // 4))
    options = dict.fromkeys(('train_cfg.max_iters', *ENDS), args.steps)
    options |= {'train_cfg.val_interval': max(args.steps // 4, 1), 'randomness.seed': seed}
    options |= {'param_scheduler.0.end': warmup, 'param_scheduler.1.begin': warmup}
    name = f'{family}_detector_{args.steps}_steps_seed{seed}'
    if start:
        name = f'{name}_after_{args.epochs}_epochs'
        init = {'type': 'Pretrained', 'prefix': 'backbone.', 'checkpoint': start}
        options |= {f'model.backbone.init_cfg.{key}': value for key, value in init.items()}
    if args.val_scenes:
        options['val_dataloader.dataset.num_val'] = args.val_scenes
    folder = args.work_dir / name
    train(f'mask_rcnn_{family}_nano_scenes.py', folder, f'iter_{args.steps}.pth', options)
    scalars = max(folder.glob('*/vis_data/scalars.json'))  # of the last run, should one have died
    return {measure: read_scalars(scalars, key) for measure, key in MEASURES.items()}


def spread(values: list[float]) -> str:
    return f'{statistics.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})'


def main() -> None:
    sizes = dict(seeds=[0, 1, 2], epochs=10, pictures=200, steps=240, val_scenes=0)
    files = dict(work_dir=Path('work_dirs') / NAME, picture=Path(f'docs/images/{NAME}.png'))
    args = options(__doc__, families=['heracles', 'hamsa'], **sizes, **files)
    write_pictures(args.work_dir / 'pictures', train=args.pictures, val=args.pictures // 4)
    title = f'AP on the val scenes after {args.steps} steps, {len(args.seeds)} seeds'
    table = Table('', '', *ARMS, 'gain, seed by seed', title=title)
    curves = {}
    for family in args.families:
        runs: dict[str, list[dict]] = {arm: [] for arm in ARMS}
        for seed in args.seeds:
            start = pretrain(family, seed, args)
            runs['from scratch'].append(detect(family, seed, args, None))
            runs['pretrained'].append(detect(family, seed, args, start))
        for arm, found in runs.items():
            curves[f'{family}, {arm}'] = mean_curve([run['box AP'] for run in found])
        for measure in MEASURES:
            scratch, tuned = ([run[measure][-1][1] for run in runs[arm]] for arm in ARMS)
            gains = '  '.join(f'{after - before:+.3f}' for before, after in zip(scratch, tuned))
            table.add_row(family, measure, spread(scratch), spread(tuned), gains)
    Console(width=120).print(table)
    save_curves(curves, f'box AP on the val scenes, mean of {len(args.seeds)} seeds', args.picture)


if __name__ == '__main__':
    main()
