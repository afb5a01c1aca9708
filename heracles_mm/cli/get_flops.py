"""Count the multiply-adds and parameters of a config's model, by part and by kind of operator.

``python -m heracles_mm.cli.get_flops CONFIG --shape 800 1280`` needs no data, no weights and
little time: by default nothing is computed.
"""

import argparse
import json
import sys
from collections import Counter

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import MODELS, init_default_scope
from rich.table import Table

from heracles_mm import counting
from heracles_mm.cli import common
from heracles_mm.cli.arguments import OneLineParser, add_config, height_and_width
from heracles_mm.cli.running import CommandLine, table_console
from heracles_mm.errors import UserError

NAME = 'get_flops'
SIDE, SMALLEST = 224, 32
EXAMPLES = (
    'configs/heracles_s_tokenlabel_imagenet.py',
    'configs/mask_rcnn_hamsa_s_coco.py --shape 800 1280',
    'configs/heracles_s_imagenet.py --json --cfg-options model.backbone.spectral_stages=2',
)


def get_flops(args: argparse.Namespace) -> None:
    """Count the multiply-adds and parameters of a model."""
    cfg = common.read_config(args, 'model')
    if cfg.model.get('type') == 'Forecaster':
        raise UserError(f'{args.config} forecasts series: what is counted is the work on pictures')
    sides = args.shape or cfg.model.get('backbone', {}).get('img_size', SIDE)
    sides = [sides] if isinstance(sides, int) else sides
    report = make_report(cfg, height_and_width('--shape', sides, SMALLEST), args.device)
    if args.json:
        print(json.dumps({'config': args.config, **report}))
    else:
        print_report(args.config, report)


def _add_arguments(parser: OneLineParser) -> None:
    add_config(parser)
    shape = f"side, or height and width, in px (default: the backbone's img_size, or {SIDE})"
    parser.add_argument('--shape', nargs='+', type=int, metavar='N', help=shape)
    parser.add_argument('--json', action='store_true', help='print one JSON object instead')
    device = 'meta (default) computes nothing; cpu runs the model, for operators meta lacks'
    parser.add_argument('--device', choices=['meta', 'cpu'], default='meta', help=device)


def make_report(cfg: Config, shape: tuple[int, int], device: str) -> dict:
    """Everything the table shows, as plain data; work in multiply-adds."""
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    if not MMLogger.check_instance_created(NAME):
        MMLogger.get_instance(NAME, log_level='ERROR')  # mmpretrain logs what it fills in
    model = MODELS.build(cfg.model)
    try:
        picture, once = counting.work_of(model.to(device), shape, device)
    except RuntimeError as error:  # NotImplementedError is one too
        if device == 'cpu':
            raise
        reason = str(error).partition('\n')[0]
        raise UserError(
            f'the model does not run on meta tensors ({reason}): try --device cpu'
        ) from error
    by_part, known = counting.parameters_by_part(model), counting.module_parts(model)
    rows: dict[str, Counter] = {label: Counter() for label in by_part}
    for (name, kind), count in picture.items():
        rows.setdefault(counting.part_of(name, known), Counter())[kind] += count
    row = counting.published_figures(cfg.model, shape)
    kinds: Counter = sum(rows.values(), Counter())
    return {
        'shape': shape,
        'unit': 'multiply-adds',
        'parameters': sum(by_part.values()),
        'total': kinds.total(),
        'conv_and_linear': kinds['conv'] + kinds['linear'],
        'with_attention': kinds['conv'] + kinds['linear'] + kinds['attention'],
        'kinds': {kind: kinds[kind] for kind in counting.KINDS if kinds[kind]},
        'parts': {
            label: {'parameters': by_part.get(label, 0), **row} for label, row in rows.items()
        },
        'once_per_pass': once.total(),
        'proposals': counting.proposals_of(model),
        'published': row and row._asdict(),
    }


def print_report(config: str, report: dict) -> None:
    """The table by part and kind, the totals by convention, and what is published."""
    console = table_console()
    height, width = report['shape']
    table = Table(title=f'{config}, {height}x{width} px, G multiply-adds', show_footer=True)
    table.add_column('', footer='all')
    table.add_column('parameters', footer=f'{report["parameters"]:,}', justify='right')
    for kind, count in report['kinds'].items():
        table.add_column(counting.KINDS[kind], footer=_giga(count), justify='right')
    table.add_column('all', footer=_giga(report['total']), justify='right')
    for label, row in report['parts'].items():
        counts = [row.get(kind, 0) for kind in report['kinds']]
        cells = [_giga(count) if count else '' for count in (*counts, sum(counts))]
        table.add_row(label, f'{row["parameters"]:,}', *cells)
    console.print(table)
    for key, title in (  # what a table of a paper may mean by FLOPs
        ('conv_and_linear', 'convolutions and linear layers'),
        ('with_attention', 'the same and attention'),
        ('total', 'all that is counted'),
    ):
        console.print(f'{_giga(report[key], 2):>8} G  {title}')
    if row := report['published']:
        parameters = f'{row["parameters"] / 1e6:g}M parameters'
        console.print(f'{row["work"] / 1e9:8.4g} G  and {parameters}: {row["source"]}')
    if report['once_per_pass']:
        console.print(
            f'{_giga(report["once_per_pass"])} G more for each pass, whatever its batch: filters '
            'moved to this size, transforms of kernels (kept from pass to pass in eval mode)'
        )
    if report['proposals']:
        masked = f'{counting.PROPOSALS_MASKED} of them to the mask head'
        console.print(f'{report["proposals"]} proposals go to the box head, {masked}')
    console.print(f'\n{counting.__doc__}', markup=False)


def _giga(count: int, digits: int = 3) -> str:
    return f'{count / 1e9:.{digits}f}'


main = CommandLine(get_flops, _add_arguments, EXAMPLES)

if __name__ == '__main__':
    sys.exit(main())
