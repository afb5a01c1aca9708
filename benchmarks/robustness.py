"""How the scores of finished runs hold under corrupted pictures.

    CAMVID_ROOT=... IMAGENETTE_ROOT=... PENN_FUDAN_ROOT=... \
    python benchmarks/robustness.py [--tasks ...] [--models ...] [--seeds 0] [--severities 1 3 5]

Tests the last checkpoint of each run that benchmarks/real_data.py has finished in --work-dir, else
the weights that come with this package, by `tools/test.py --corruptions all`, and leaves
benchmarks/results/robustness/TASK_MODEL_SEED.json. What has its file is left out, and a test that
was stopped goes on. The models of the task `ablations` are variants of benchmarks/ablations.py,
finished in the folder `ablations` beside --work-dir. benchmarks/results_page.py puts the tables
into docs/results.md.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from statistics import mean
from typing import Any

from ablation_tables import VARIANTS
from common import log, options
from real_data import ALL, RESULTS, ROOT, config_of, finished, tool
from robustness_tables import ABLATIONS, GROUPS, PARTS

from heracles_mm.checkpoints.shipped import SCHEME, shipped_weights
from heracles_mm.robustness import corruption_names

SHIPPED = {
    f'imagenette_20e_{name.removesuffix("_imagenette")}_0': SCHEME + name
    for name in shipped_weights()
}
TASKS = [
    'imagenette_20e',
    'penn_fudan',
    'penn_fudan_pretrained',
    'camvid',
    'camvid_pretrained',
    ABLATIONS,
]


def scores(found: dict[str, Any]) -> dict[str, float]:
    """The main metric clean, under each group of corruptions, and its mean over all of them."""
    metric = found['metric']
    by_name = [(one['corruption'], one['metrics'].get(metric) or 0) for one in found['corrupted']]
    groups = {
        group: mean(value for name, value in by_name if name in corruption_names([group]))
        for group in GROUPS
    }
    return {'clean': found['clean'][metric], **groups, 'mean': found['mean'][metric]}


def asked(task: str, model: str) -> tuple[str, list[str]]:
    """Config and further options of tools/test.py."""
    if task != ABLATIONS:
        return config_of(task, model), []
    family, changes = VARIANTS[model]
    return f'benchmarks/ablated/{family}_nano.py', ['--cfg-options', *changes] if changes else []


def place(args: argparse.Namespace, task: str, model: str, seed: int) -> tuple[Path, Path]:
    """The folder of a run's results, and its own."""
    results, work = args.results.parent, args.work_dir
    if task == ABLATIONS:
        return results / 'ablations', work.parent / 'ablations' / f'{model}_{seed}'
    return results, work / f'{task}_{model}_{seed}'


def main() -> None:
    models = [*ALL, *PARTS]
    args = options(
        __doc__,
        tasks=TASKS,
        models=models,
        seeds=[0],
        severities=[1, 3, 5],
        work_dir=Path('work_dirs/real_data'),
        results=RESULTS / 'robustness',
    )
    if unknown := {*args.tasks} - {*TASKS} | {*args.models} - {*models}:
        sys.exit(f'robustness: error: no {sorted(unknown)}: choose of {TASKS} and {models}')
    os.chdir(ROOT)
    args.results.mkdir(parents=True, exist_ok=True)
    for name in args.tasks:
        for seed in args.seeds:
            for model in (one for one in args.models if (one in PARTS) == (name == ABLATIONS)):
                key = f'{name}_{model}_{seed}'
                file = args.results / f'{key}.json'
                results, folder = place(args, name, model, seed)
                if file.exists():
                    continue
                tested = finished(results, folder) or SHIPPED.get(key)
                log(key if tested else f'{key}: no finished run')
                if not tested:
                    continue
                os.environ['PEER'] = model
                config, further = asked(name, model)
                further += ['--corruptions', 'all', '--severities', *args.severities, '--json']
                work = ['--work-dir', folder / 'corruptions']
                printed = tool('test', config, tested, *work, *further)
                found = json.loads(printed.splitlines()[-1])
                about = {'task': name, 'model': model, 'seed': seed, 'severities': args.severities}
                result = {**about, 'scores': scores(found), **found}
                file.write_text(json.dumps(result, indent=1) + '\n')
                print(key, result['scores'], flush=True)


if __name__ == '__main__':
    main()
