"""Make docs/results.md, its picture and README's table of the files in benchmarks/results, with the
tables of benchmarks/robustness.py and benchmarks/ablations.py below.

python benchmarks/results_page.py
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import ablation_tables
import robustness_tables
from common import mean_and_range, mean_curve, options
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
Runs = dict[str, dict[str, list[dict[str, Any]]]]  # task -> model -> its seeds

MODELS = {
    'heracles_nano': 'Heracles-nano',
    'hamsa_nano': 'HAMSA-nano',
    **{
        f'{kind}_nano{wide}': f"{name} of {family}-nano's size"
        for wide, family in (('', 'Heracles'), ('_wide', 'HAMSA'))
        for kind, name in (('convnext', 'ConvNeXt'), ('swin', 'Swin'), ('resnet', 'ResNet'))
    },
    'heracles_s': 'Heracles-S',
    'hamsa_s': 'HAMSA-S',
}
PEERS = tuple(
    (ours, f'{kind}_nano{wide}')
    for ours, wide in (('heracles_nano', ''), ('hamsa_nano', '_wide'))
    for kind in ('convnext', 'swin', 'resnet')
)
"""Models of one size."""

MEASURES = {
    'accuracy/top1': ('top-1, %', 1),
    'coco/bbox_mAP': ('box AP', 100),
    'coco/segm_mAP': ('mask AP', 100),
    'test mIoU': ('mIoU on test', 1),
    'mIoU': ('mIoU on val', 1),
}
"""Their names, and what takes them to a scale of 100."""

TITLES = {
    'imagenette_5e': 'Imagenette, 128 px, 5 epochs from random weights',
    'imagenette_20e': 'Imagenette, 128 px, 20 epochs from random weights',
    'penn_fudan': 'Penn-Fudan, Mask R-CNN from random weights',
    'penn_fudan_pretrained': 'Penn-Fudan, Mask R-CNN from the weights of Imagenette, 20 epochs',
    'camvid': 'CamVid, UperNet from random weights',
    'camvid_pretrained': 'CamVid, UperNet from the weights of Imagenette, 20 epochs',
    'cifar10': 'CIFAR-10 at 64 px, from the weights of Imagenette, 20 epochs',
    'coco_8': 'Eight pictures of COCO at their own size, learnt by heart by the recipe for COCO',
    'coco_8_short': 'The same, fewer steps',
}
BEGIN, END = '<!-- made by benchmarks/results_page.py -->', '<!-- end -->'
LEADERBOARD = 'Imagenette leaderboard (github.com/fastai/imagenette), ResNets of 20M+ parameters'
TUTORIAL = (
    'torchvision tutorial, Mask R-CNN R50 (44M) from COCO weights, 10 epochs, a split of its own'
)
PUBLISHED = {
    'imagenette_5e': [f'{LEADERBOARD}, 5 epochs: 85.8'],
    'imagenette_20e': [f'{LEADERBOARD}, 20 epochs: 91.6'],
    'penn_fudan_pretrained': [f'{TUTORIAL}: box AP 80, mask AP 76'],
    'camvid': [
        'ENet (0.4M): 52.1, FC-DenseNet56 (1.5M): 58.9, FC-DenseNet103 (9.4M): 66.9, all from '
        'random weights (arXiv 1606.02147, 1611.09326)'
    ],
    'camvid_pretrained': ['SegNet (29.5M) from ImageNet weights: 46.4 (arXiv 1511.00561)'],
}


def read(folder: Path) -> Runs:
    """The runs in the order of TITLES and MODELS."""
    found = [json.loads(file.read_text()) for file in sorted(folder.glob('*.json'))]
    runs: Runs = {task: defaultdict(list) for task in TITLES}
    for model in MODELS:
        for one in found:
            if one['model'] == model:
                runs[one['task']][model].append(one)
    return {task: models for task, models in runs.items() if models}


def score(seeds: list[dict], measure: str) -> str:
    """Mean and range over seeds, on a scale of 100."""
    return mean_and_range([one['scores'][measure] * MEASURES[measure][1] for one in seeds])


def compared(runs: Runs) -> Iterator[tuple[bool, str]]:
    """Of each measure of a family of ours and its peer: whether the peer is ahead, a sentence."""
    for task, models in runs.items():
        for pair in (pair for pair in PEERS if models.keys() >= set(pair)):
            for measure in models[pair[0]][0]['scores']:
                ours, its = (mean(one['scores'][measure] for one in models[name]) for name in pair)
                scores = [f'{MODELS[name]} {score(models[name], measure)}' for name in pair[::-1]]
                yield its > ours, f'{TITLES[task]}, {MEASURES[measure][0]}: {", ".join(scores)}'


def table(task: str, models: dict[str, list[dict]]) -> Iterator[str]:
    measures = list(next(iter(models.values()))[0]['scores'])
    names = [MEASURES[measure][0] for measure in measures]
    yield f'| | {" | ".join(names)} | seeds | parameters | G multiply-adds | minutes | processor |'
    yield '|---' * (len(names) + 6) + '|'
    for model, seeds in models.items():
        first = seeds[0]
        cells = [score(seeds, measure) for measure in measures]
        cells += [str(len(seeds)), f'{first["parameters"] / 1e6:.2f}M']
        cells += [f'{first["multiply_adds"] / 1e9:.2f}']
        cells += [f'{mean(one["seconds"] for one in seeds) / 60:.0f}']
        cells += [', '.join(sorted({one['machine']['cpu'] for one in seeds}))]
        yield f'| {MODELS[model]} | {" | ".join(cells)} |'
    yield ''
    yield from (f'Published: {line}.' for line in PUBLISHED.get(task, ()))
    yield ''
    height, width = first['shape']
    yield f'Multiply-adds are of {height}x{width} px. `{first["command"]}`.'


def readme_table(runs: Runs) -> Iterator[str]:
    """Lines of README's table: the first two measures of each task."""
    models = [name for name in MODELS if any(name in found for found in runs.values())]
    yield f'| | {" | ".join(MODELS[name] for name in models)} |'
    yield '|---' * (len(models) + 1) + '|'
    for task, found in runs.items():
        for measure in next(iter(found.values()))[0]['scores']:
            cells = [score(found[name], measure) if name in found else '' for name in models]
            yield f'| {TITLES[task]}: {MEASURES[measure][0]} | {" | ".join(cells)} |'


def with_table(readme: str, runs: Runs) -> str:
    """README's text with the table between its two marks made anew."""
    before, rest = readme.split(BEGIN)
    after = rest.split(END)[1]
    return '\n'.join([f'{before}{BEGIN}', *readme_table(runs), f'{END}{after}'])


def page(runs: Runs) -> str:
    pairs = list(compared(runs))
    ahead = [f'* {sentence}' for better, sentence in pairs if better]
    lines = [
        '# Results on real pictures',
        '',
        'Public data of small size, one recipe a task, whatever the model. Each figure is of a run '
        'of `benchmarks/real_data.py`, whose file is in `benchmarks/results` with its commit, and '
        '`benchmarks/results_page.py` makes this page of them. Nothing here is a result on '
        'ImageNet, COCO or ADE20K. The last checkpoint counts; no test-time tricks. The data and '
        'how to fetch them: [public_data.md](public_data.md). A peer has the parameters and, as a '
        'classifier at 128 px, the multiply-adds of one of our models within 10 %.',
        '',
        '## Where a peer is better',
        '',
        *(ahead or [f'In none of the {len(pairs)} comparisons that have run.']),
    ]
    for task, models in runs.items():
        lines += ['', f'## {TITLES[task]}', '', *table(task, models)]
    return '\n'.join([*lines, '', '![curves](images/results.png)', ''])


def draw(runs: Runs, picture: Path) -> None:
    """The curve of the first measure of each task, the mean over seeds."""
    figure = Figure(figsize=(10, 3.2 * ((len(runs) + 1) // 2)), layout='constrained')
    for i, (task, models) in enumerate(runs.items()):
        axes = figure.add_subplot((len(runs) + 1) // 2, 2, i + 1)
        for model, seeds in models.items():
            measure = next(iter(seeds[0]['curves']))
            axes.plot(
                *zip(*mean_curve([one['curves'][measure] for one in seeds])), label=MODELS[model]
            )
        axes.set_title(TITLES[task], fontsize=9)
        axes.set(xlabel='epoch or iteration', ylabel=MEASURES[measure][0])
        axes.legend(fontsize=7)
    figure.savefig(picture, dpi=110)


def main() -> None:
    args = options(
        __doc__,
        results=ROOT / 'benchmarks/results',
        page=ROOT / 'docs/results.md',
        picture=ROOT / 'docs/images/results.png',
        readme=ROOT / 'README.md',
    )
    runs = read(args.results)
    robustness, words = args.results / 'robustness', (TITLES, MODELS, MEASURES, PEERS)
    more = [
        *robustness_tables.sections(robustness, *words),
        *ablation_tables.sections(args.results / 'ablations'),
    ]
    args.page.write_text(page(runs) + ''.join(f'{line}\n' for line in more))
    draw(runs, args.picture)
    args.readme.write_text(with_table(args.readme.read_text(), runs))
    print(args.page)


if __name__ == '__main__':
    main()
