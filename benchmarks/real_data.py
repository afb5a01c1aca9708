"""Runs on public data of real pictures: each (task, model, seed) once, under one recipe a task.

    IMAGENETTE_ROOT=... PENN_FUDAN_ROOT=... CAMVID_ROOT=... CIFAR10_FOLDERS=... COCO_ROOT=... \
    python benchmarks/real_data.py [--tasks camvid ...] [--models heracles_nano ...] [--seeds 0]

A run is tools/train.py --amp (bfloat16 on a CPU) in a process of its own, with a config of ours or,
for a peer, of benchmarks/peers. It leaves one file, benchmarks/results/TASK_MODEL_SEED.json:
scores, curve, seconds, machine, parameters, multiply-adds, command and commit. What has its file is
left out (--results with another folder repeats it), and a run that was stopped goes on at its last
checkpoint in --work-dir. A task that starts from the weights of Imagenette takes them from the
finished run of 20 epochs of the same model and seed there, else those that come with this package
(of seed 0). COCO_ROOT is what `tools/prepare_data.py coco-subset --number 8` made, the others are
as in docs/public_data.md. benchmarks/results_page.py makes docs/results.md of the files.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import torch
from common import log, options

from heracles_mm.benchmark.machine import environment
from heracles_mm.checkpoints.shipped import SCHEME, shipped_weights

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / 'benchmarks' / 'results'


OURS = ('heracles_nano', 'hamsa_nano')
PEERS = ('convnext_nano', 'swin_nano', 'resnet_nano')
"""Of Heracles' size; of HAMSA's with ``_wide`` at the end of their names."""

LARGE = ('heracles_s', 'hamsa_s', 'swin_t', 'convnext_t')

ALL = (*OURS, *PEERS, *(f'{peer}_wide' for peer in PEERS))


class Task(NamedTuple):
    """A recipe: the end of its configs' names, what is measured, and the task it starts from.

    ``shape`` (height, width) is of the picture whose multiply-adds are counted; ``tested`` is for
    data with a test split, on which the last checkpoint is evaluated; ``changes`` are what the run
    changes in its config; ``followed`` are scalars of training whose curves are kept too.
    """

    config: str
    shape: tuple[int, int]
    measures: tuple[str, ...]
    models: tuple[str, ...]
    after: str = ''
    tested: bool = False
    changes: tuple[str, ...] = ()
    followed: tuple[str, ...] = ()


def by_heart(epochs: int, model: str) -> Task:
    """The recipe for COCO of so many epochs, evaluated on the pictures that it learns."""
    changes = (
        'val_dataloader.dataset.ann_file=annotations/instances_train2017.json',
        'val_dataloader.dataset.data_prefix.img=train2017/',
        'val_evaluator.ann_file=$COCO_ROOT/annotations/instances_train2017.json',
        f'train_cfg.max_epochs={epochs}',
        'train_cfg.val_interval=5',
        'param_scheduler.0.end=20',
        f'param_scheduler.1.end={epochs}',
        f'param_scheduler.1.milestones=[{epochs * 8 // 12},{epochs * 11 // 12}]',
    )
    return Task('coco', (800, 1280), BOXES, (model,), changes=changes, followed=('loss',))


FOR_A_GPU = (
    'train_dataloader.batch_size=128',
    'train_dataloader.num_workers=4',
    'train_cfg.max_epochs=20',
    'train_cfg.val_interval=4',
    'param_scheduler.1.end=20',
    'custom_hooks.5.schedule.0.action_epoch=16',
)
"""What makes one recipe of those of S models (80 epochs) and of nano models (batch 32)."""

TOP1, MIOU = ('accuracy/top1',), ('mIoU',)
BOXES = ('coco/bbox_mAP', 'coco/segm_mAP')
TASKS = {
    'imagenette_5e': Task('imagenette_5e', (128, 128), TOP1, ALL),
    'imagenette_20e': Task('imagenette', (128, 128), TOP1, ALL),
    'imagenette_s_20e': Task('imagenette', (128, 128), TOP1, LARGE, changes=FOR_A_GPU),
    'penn_fudan': Task('pennfudan', (384, 512), BOXES, ALL),
    'penn_fudan_pretrained': Task('pennfudan', (384, 512), BOXES, ALL, 'imagenette_20e'),
    'camvid': Task('camvid', (360, 480), MIOU, ALL, tested=True),
    'camvid_pretrained': Task('camvid', (360, 480), MIOU, ALL, 'imagenette_20e', tested=True),
    'cifar10': Task('cifar10', (128, 128), TOP1, ALL, 'imagenette_20e'),
    'coco_8': by_heart(60, 'heracles_s'),
    'coco_8_short': by_heart(15, 'hamsa_s'),
}
ON_A_GPU = ('imagenette_s_20e',)
"""Elsewhere they run where they are asked for."""

HEADS = {'penn_fudan': 'mask_rcnn_', 'camvid': 'upernet_', 'coco': 'mask_rcnn_'}


def tool(name: str, *args: object, output: Path | None = None) -> str:
    """Run one of our command lines; what it prints, also in the file ``output``."""
    command = [sys.executable, '-m', f'heracles_mm.cli.{name}', *map(str, args)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if output:
        output.write_text(done.stdout)
    if done.returncode:
        print(*done.stdout.splitlines()[-12:], sep='\n', file=sys.stderr)
        sys.exit(f'{Path(sys.argv[0]).stem}: error: {shlex.join(command)} failed')
    return done.stdout


def run(
    task: Task, config: str, seed: int, folder: Path, start: str = '', /, **about: str
) -> dict[str, Any]:
    """Train what is left to train of a run in ``folder``, and return its results.

    Args:
        start: address of the weights from which the backbone starts.
        about: the first entries of the results.
    """
    shown = [f'randomness.seed={seed}', *task.changes]
    settings = [os.path.expandvars(setting) for setting in shown]
    pretrained = []
    if start:
        init = {'type': 'Pretrained', 'prefix': 'backbone.', 'checkpoint': start}
        pretrained = [f'model.backbone.init_cfg.{key}={value}' for key, value in init.items()]
    if shipped := start.startswith(SCHEME):  # which every user has
        shown += pretrained
    begun = ['--resume'] if (folder / 'last_checkpoint').exists() else []
    command = [config, '--work-dir', folder, *begun, '--amp', '--cfg-options']
    command += [*settings, *pretrained]
    folder.mkdir(parents=True, exist_ok=True)
    tool('train', *command, output=folder / f'{datetime.now():%Y%m%d_%H%M%S}.txt')
    scalars = sorted(folder.glob('*/vis_data/scalars.json'))
    curves = read_curves(scalars, task)
    scores = {measure: curves[measure][-1][1] for measure in task.measures}
    if task.tested:
        printed = tool('test', config, last_checkpoint(folder), '--work-dir', folder, '--json')
        scores = {f'test {m}': json.loads(printed.splitlines()[-1])[m] for m in task.measures}
    asked = ['--device', 'cpu', '--shape', *task.shape, '--json', '--cfg-options', *settings]
    counted = json.loads(tool('get_flops', config, *asked).splitlines()[-1])
    peer = f'PEER={os.environ["PEER"]} ' if config.startswith('benchmarks/peers') else ''
    called = f'{peer}python tools/train.py'
    return {
        **about,
        'seed': seed,
        'scores': scores,
        'curves': curves,
        'seconds': round(sum(map(seconds, scalars))),
        'parameters': counted['parameters'],
        'multiply_adds': counted['total'],
        'shape': task.shape,
        'machine': environment(torch.device('cuda' if torch.cuda.is_available() else 'cpu')),
        'command': ' '.join([called, config, '--amp', '--cfg-options', *shown]),
        'starts_from': start if shipped else task.after,
        'commit': subprocess.check_output(['git', 'rev-parse', 'HEAD'], text=True).strip(),
        'date': f'{datetime.now():%Y-%m-%d}',
    }


def keep(file: Path, /, *args: Any, **about: str) -> None:
    """Write the results of a run that has no file yet; arguments are those of ``run``."""
    if file.exists():
        return
    log(file.stem)
    result = run(*args, **about)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=1) + '\n')
    print(file.stem, result['scores'], f'{result["seconds"]} s', flush=True)


def config_of(name: str, model: str) -> str:
    """Of configs/, else of benchmarks/peers, whose backbone is that of $PEER."""
    head = next((head for start, head in HEADS.items() if name.startswith(start)), '')
    own = f'configs/{head}{model}_{TASKS[name].config}.py'
    return own if (ROOT / own).exists() else f'benchmarks/peers/{TASKS[name].config}.py'


def read_curves(scalars: list[Path], task: Task) -> dict[str, list[tuple[int, float]]]:
    """(step, value) by what is measured or followed; a process that went on comes later.

    mmdet logs no AP of an evaluation in which nothing was found: that is 0.
    """
    rows = [json.loads(line) for file in scalars for line in file.read_text().splitlines()]
    evaluated = [row for row in rows if 'loss' not in row]
    points = {one: {row['step']: row.get(one, 0.0) for row in evaluated} for one in task.measures}
    for one in task.followed:
        points[one] = {row['step']: row[one] for row in rows if one in row}
    return {one: sorted(found.items()) for one, found in points.items()}


def weights(args: argparse.Namespace, after: str, model: str, seed: int) -> str:
    """Address of what a finished run left, else of what comes with the package."""
    folder, name = args.work_dir / f'{after}_{model}_{seed}', f'{model}_imagenette'
    if own := finished(args.results, folder):
        return own
    if name in shipped_weights():
        return SCHEME + name
    sys.exit(f'real_data: error: no finished run {folder} to start from: add {after} to --tasks')


def finished(results: Path, folder: Path) -> str:
    """The last checkpoint of the run of a folder; '' without one, or without the run's results."""
    there = (results / f'{folder.name}.json').exists() and (folder / 'last_checkpoint').exists()
    return str(last_checkpoint(folder)) if there else ''


def last_checkpoint(folder: Path) -> Path:
    return folder / Path((folder / 'last_checkpoint').read_text()).name


def seconds(scalars: Path) -> float:
    """From the start of a process, which names its folder, to its last logged value."""
    begin = datetime.strptime(scalars.parents[1].name, '%Y%m%d_%H%M%S')
    return scalars.stat().st_mtime - begin.timestamp()


def main() -> None:
    models = list(dict.fromkeys(model for task in TASKS.values() for model in task.models))
    work = Path('work_dirs/real_data')
    tasks = [name for name in TASKS if name not in ON_A_GPU or torch.cuda.is_available()]
    args = options(__doc__, tasks=tasks, models=models, seeds=[0], work_dir=work, results=RESULTS)
    if unknown := {*args.tasks} - {*TASKS} | {*args.models} - {*models}:
        sys.exit(f'real_data: error: no {sorted(unknown)}: choose of {[*TASKS]} and {models}')
    os.chdir(ROOT)
    for name in args.tasks:
        task = TASKS[name]
        for seed in args.seeds:
            for model in (one for one in args.models if one in task.models):
                key, config = f'{name}_{model}_{seed}', config_of(name, model)
                start = weights(args, task.after, model, seed) if task.after else ''
                file, folder = args.results / f'{key}.json', args.work_dir / key
                os.environ['PEER'] = model
                keep(file, task, config, seed, folder, start, task=name, model=model)


if __name__ == '__main__':
    main()
