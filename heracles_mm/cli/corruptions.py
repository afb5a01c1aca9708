"""``tools/test.py --corruptions``: one test on clean pictures, and one for each corruption."""

import argparse
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import mean
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.runner import Runner
from rich.table import Table

from heracles_mm.cli import common
from heracles_mm.cli.arguments import OneLineParser
from heracles_mm.cli.running import print_line, table_console
from heracles_mm.data_checks.paths import inner_datasets
from heracles_mm.errors import UserError
from heracles_mm.robustness import (
    CLEAN,
    Condition,
    CorruptionScores,
    CorruptPicture,
    corruption_names,
    plot_scores,
)
from heracles_mm.visualization.figures import save_figure

SEVERITIES = range(1, 6)
SINGLE = ('out', 'show_dir', 'report')
"""Options of one test, not of many."""


def add_corruptions(parser: OneLineParser) -> None:
    """Add --corruptions and --severities."""
    kinds = (
        'test on clean pictures, then on corrupted ones: all, noise, blur, weather, digital or '
        'names such as fog; a stopped call goes on where it was'
    )
    parser.add_argument('--corruptions', nargs='+', metavar='NAME', help=kinds)
    severities = 'of the corruptions, 1 to 5 (default: all five)'
    parser.add_argument(
        '--severities', nargs='+', type=int, choices=SEVERITIES, metavar='N', help=severities
    )


def asked_conditions(args: argparse.Namespace) -> list[Condition]:
    """The tests on corrupted pictures that a command line asks for.

    Raises:
        UserError: an unknown name, options that do not go together, or a package that is missing.
    """
    if not args.corruptions:
        if args.severities:
            raise UserError('--severities are those of --corruptions, which is not given')
        return []
    for name in SINGLE:
        if getattr(args, name):
            option = name.replace('_', '-')
            raise UserError(f'--{option} is of a single test: give --{option} or --corruptions')
    severities = sorted({*(args.severities or SEVERITIES)})
    names = corruption_names(args.corruptions)
    return [Condition(name, severity) for name in names for severity in severities]


def run_corrupted(
    name: str,
    args: argparse.Namespace,
    cfg: Config,
    tests: list[Condition],
    open_runner: Callable[[], AbstractContextManager[Runner]],
) -> None:
    """Run what is left of the tests, print their table and draw their plot.

    Args:
        name: of the tool, for messages.
        cfg: of the test, as it runs on clean pictures.
        open_runner: builds the runner of ``cfg``; called where a test is left to run.
    """
    start = Path(cfg.work_dir) / f'corruptions_{Path(args.checkpoint).stem}'
    scores = CorruptionScores(start.with_name(f'{start.name}.json'), _subject(cfg, args.checkpoint))
    left = [test for test in (CLEAN, *tests) if test not in scores.metrics]
    if left or args.launcher != 'none':  # only a runner knows which process is the main one
        _insert_corruption(cfg.test_dataloader)
        with open_runner() as runner:
            _run(name, runner, left, scores)
    if not is_main_process():
        return
    hooks = cfg.get('default_hooks') or {}
    best = (hooks.get('checkpoint') or {}).get('save_best') or ()
    metric = scores.main_metric([*([best] if isinstance(best, str) else best), 'mIoU'])
    picture = start.with_name(f'{start.name}.png')
    save_figure(plot_scores(scores, metric), picture)
    summary = scores.summary(tests)
    _print_table(scores, tests, metric, summary)
    print_line(name, f'the scores are in {scores.path}, their plot is {picture}')
    if args.json:
        print(json.dumps({'metric': metric, **summary}))


def _subject(cfg: Config, checkpoint: str) -> str:
    """What the scores are of: a digest of the checkpoint and of the parts that decide them."""
    parts = cfg.model, cfg.test_dataloader.dataset, cfg.test_evaluator, cfg.test_cfg
    file = Path(checkpoint)
    content = file.read_bytes() if file.is_file() else checkpoint.encode()  # an address
    text = json.dumps([*parts, hashlib.sha256(content).hexdigest()], default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _insert_corruption(loader: dict[str, Any]) -> None:
    """After the steps that read pictures; their data sets else hold RGB pictures, as CIFAR-10."""
    for option, options in inner_datasets(loader, 'test_dataloader'):
        if 'pipeline' not in options:
            raise UserError(f'pictures are corrupted in the pipeline of {option}, which has none')
        steps = list(options['pipeline'])
        reads = [common.type_name(step).startswith('LoadImage') for step in steps]
        at = reads.index(True) + 1 if any(reads) else 0
        steps.insert(at, dict(type='mmengine.CorruptPicture', bgr=any(reads)))
        options['pipeline'] = steps
    loader['persistent_workers'] = False  # each test needs workers that know its corruption


def _run(name: str, runner: Runner, left: list[Condition], scores: CorruptionScores) -> None:
    """The first test loads the checkpoint; the hooks of the run must see that once."""
    for number, test in enumerate(left):
        loop = runner.test_loop
        for step in _steps(loop.dataloader.dataset):
            step.corruption = None if test == CLEAN else test.corruption
            step.severity = test.severity
        what = 'clean' if test == CLEAN else f'{test.corruption}, severity {test.severity}'
        print_line(name, f'{what} ({number + 1} of {len(left)})')
        metrics = loop.run() if number else runner.test()
        plain = {key: common.plain(value) for key, value in metrics.items()}
        if is_main_process():
            scores.add(test, plain)


def _steps(dataset: Any) -> Iterator[CorruptPicture]:
    """The inserted steps of a data set, inside wrappers too."""
    inner = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    for one in inner:
        if one is not None:
            yield from _steps(one)
    for step in getattr(getattr(dataset, 'pipeline', None), 'transforms', ()):
        if isinstance(step, CorruptPicture):
            yield step


def _print_table(
    scores: CorruptionScores, tests: list[Condition], metric: str, summary: dict[str, Any]
) -> None:
    severities = sorted({test.severity for test in tests})
    table = Table('corruption', title=f'{metric} by severity')
    for head in (*map(str, severities), 'mean'):
        table.add_column(head, justify='right')

    def add(label: str, values: list[float]) -> None:
        table.add_row(label, *(f'{value:.4g}' for value in (*values, mean(values))))

    for name in dict.fromkeys(test.corruption for test in tests):
        add(name, [scores.value(Condition(name, severity), metric) for severity in severities])
    table.add_section()
    by_severity = [[test for test in tests if test.severity == each] for each in severities]
    add('mean', [mean(scores.value(test, metric) for test in some) for some in by_severity])
    console, share = table_console(), summary['share_of_clean'][metric]
    console.print(table)
    of_clean = '' if share is None else f', {share:.1%} of clean'
    clean, corrupted = scores.value(CLEAN, metric), summary['mean'][metric]
    console.print(f'{metric}: {clean:.4g} clean, {corrupted:.4g} under corruption{of_clean}')
