"""What a part of a model is worth: Imagenette at 64 px, 5 epochs, one variant a run, three seeds.

    IMAGENETTE_ROOT=... python benchmarks/ablations.py [--variants heracles ...] [--seeds 0 1 2]

Variants and questions are in benchmarks/ablation_tables.py, the recipe in benchmarks/ablated. A run
leaves benchmarks/results/ablations/VARIANT_SEED.json as those of benchmarks/real_data.py do, is
left out where that file is, and goes on where it was stopped. benchmarks/results_page.py puts the
tables into docs/results.md; it counts those of benchmarks/results/ablations/again, which another
processor made of the same seeds (--results, --work-dir), as further runs.
"""

import os
from pathlib import Path

from ablation_tables import VARIANTS
from common import options
from real_data import RESULTS, ROOT, TOP1, Task, keep


def main() -> None:
    args = options(
        __doc__,
        variants=list(VARIANTS),
        seeds=[0, 1, 2],
        work_dir=Path('work_dirs/ablations'),
        results=RESULTS / 'ablations',
    )
    os.chdir(ROOT)
    for seed in args.seeds:  # all variants once, then again
        for name in args.variants:
            family, changes = VARIANTS[name]
            config = f'benchmarks/ablated/{family}_nano.py'
            task = Task(config, (64, 64), TOP1, (), changes=changes)
            key = f'{name}_{seed}'
            file, folder = args.results / f'{key}.json', args.work_dir / key
            keep(file, task, config, seed, folder, variant=name)


if __name__ == '__main__':
    main()
