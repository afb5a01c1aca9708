"""Runs of the forecasters, and the baselines beside them: each file once.

    ETT_ROOT=... python benchmarks/forecasting.py [--sets etth1 ...] [--look-backs 96 ...] \
    [--horizons 96 ...] [--models heracles ...] [--seeds 0 ...]

A run is tools/train.py with a config of ours and tools/test.py of its last checkpoint, each in a
process of its own; a baseline needs no training. Both leave one file in
benchmarks/results/forecasting: errors on the test set, seconds, machine, parameters, command and
commit. What has its file is left out, and a run that was stopped goes on at its last checkpoint in
--work-dir, so two processes with other --sets, each with OMP_NUM_THREADS=1, share two cores.
benchmarks/forecasting_page.py makes the tables of docs/forecasting.md of the files.

patchtst, dlinear and itransformer (not among the models by default) are neuralforecast's networks
in the same runner: pip install neuralforecast.
"""

import json
import os
import subprocess
import sys
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from common import log, options
from forecasting_peers import PEERS, write_peer_config
from mmengine.config import Config
from mmengine.registry import DATASETS
from real_data import last_checkpoint, seconds, tool

from heracles_mm.benchmark.machine import environment
from heracles_mm.checkpoints import read_checkpoint
from heracles_mm.forecasting import fit_baselines, score

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / 'benchmarks' / 'results' / 'forecasting'
WHOLE_BATCHES = 128


class Task(NamedTuple):
    """Windows of a data set."""

    set: str
    look_back: int
    horizon: int

    @property
    def name(self) -> str:
        return '_'.join(map(str, self))

    def config(self, model: str) -> str:
        return f'configs/{model}_{self.set}.py'


def run(task: Task, model: str, seed: int, work: Path) -> dict[str, Any]:
    """Train what is left to train of a run, test it and return its results."""
    folder = work / f'{task.name}_{model}_{seed}'
    folder.mkdir(parents=True, exist_ok=True)
    ours = task.config('heracles' if model in PEERS else model)
    config = write_peer_config(ours, model, folder) if model in PEERS else ours
    begun = ['--resume'] if (folder / 'last_checkpoint').exists() else []
    settings = [f'randomness.seed={seed}']
    command = [config, '--work-dir', folder, *begun, '--cfg-options', *settings]
    tool('train', *command, output=folder / f'{datetime.now():%Y%m%d_%H%M%S}.txt')
    trained = sum(map(seconds, sorted(folder.glob('*/vis_data/scalars.json'))))
    last = last_checkpoint(folder)
    printed = tool('test', config, last, '--work-dir', folder, '--json')
    weights = read_checkpoint(last)['state_dict'].values()
    return {
        'model': model,
        'seed': seed,
        'scores': _plain_names(json.loads(printed.splitlines()[-1])),
        'seconds': round(trained),
        'parameters': sum(weight.numel() for weight in weights),
        'command': f'LOOK_BACK={task.look_back} HORIZON={task.horizon} python tools/train.py '
        f'{config} --cfg-options {settings[0]}',
    }


def run_baselines(task: Task) -> dict[str, Any]:
    """All baselines of a task."""
    cfg = Config.fromfile(task.config('heracles'))
    train, test = (DATASETS.build(cfg[f'{part}_dataloader'].dataset) for part in ('train', 'test'))
    return {
        'model': 'baselines',
        'scores': {
            name: _plain_names(score(forecast, test, WHOLE_BATCHES))
            for name, forecast in fit_baselines(train).items()
        },
        'command': 'python benchmarks/forecasting.py --models baselines',
    }


def _plain_names(scores: dict[str, float]) -> dict[str, float]:
    return {name.removeprefix('forecast/'): value for name, value in scores.items()}


def write(file: Path, task: Task, found: dict[str, Any]) -> None:
    found = {
        **task._asdict(),
        **found,
        'machine': environment(torch.device('cuda' if torch.cuda.is_available() else 'cpu')),
        'commit': subprocess.check_output(['git', 'rev-parse', 'HEAD'], text=True).strip(),
        'date': f'{datetime.now():%Y-%m-%d}',
    }
    file.write_text(json.dumps(found, indent=1) + '\n')
    print(file.stem, flush=True)


def main() -> None:
    args = options(
        __doc__,
        sets=['etth1', 'etth2'],
        look_backs=[96, 336],
        horizons=[96, 192, 336, 720],
        models=['baselines', 'heracles', 'hamsa'],
        seeds=[0, 1, 2],
        work_dir=Path('work_dirs/forecasting'),
        results=RESULTS,
    )
    os.chdir(ROOT)
    os.environ['PYTHONPATH'] = os.pathsep.join([str(ROOT / 'benchmarks'), *sys.path])
    args.results.mkdir(parents=True, exist_ok=True)
    tasks = [Task(*task) for task in product(args.sets, args.look_backs, args.horizons)]
    for seed, model, task in product(args.seeds, args.models, tasks):
        end = model if model == 'baselines' else f'{model}_{seed}'
        file = args.results / f'{task.name}_{end}.json'
        if file.exists():
            continue
        log(file.stem)
        os.environ.update(LOOK_BACK=str(task.look_back), HORIZON=str(task.horizon))
        if model == 'baselines':
            write(file, task, run_baselines(task))
        else:
            write(file, task, run(task, model, seed, args.work_dir))


if __name__ == '__main__':
    main()
