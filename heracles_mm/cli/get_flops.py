"""Count the multiply-adds and parameters of a config's model, by part and by kind of operator.

``python -m heracles_mm.cli.get_flops CONFIG --shape 800 1280`` needs no data, no weights and
little time: by default nothing is computed.
"""

import json
import sys
from collections import Counter

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import MODELS, init_default_scope
from rich.console import Console
from rich.table import Table
from torch import nn

from heracles_mm.cli.common import config_parser, parse, read_config
from heracles_mm.cli.running import OneLineParser, run_tool
from heracles_mm.counting import (
    KINDS,
    PROPOSALS_MASKED,
    Work,
    module_parts,
    parameters_by_part,
    part_of,
    proposals_of,
    published_figures,
    work_of,
)
from heracles_mm.errors import UserError

NAME = 'get_flops'
SIDE, SMALLEST = 224, 32
EXAMPLES = (
    'configs/heracles_s_tokenlabel_imagenet.py',
    'configs/mask_rcnn_hamsa_s_coco.py --shape 800 1280',
    'configs/heracles_s_imagenet.py --json --cfg-options model.backbone.spectral_stages=2',
)
CONVENTION = (
    'Unit: multiply-adds of one picture in inference, which the papers call FLOPs. A complex FFT '
    "of n points counts as 2.5 n log2 n, a real one as half of that (FFTW's 5 n log2 n operations, "
    'two to a multiply-add). Attention is QK^T and AV; spectral gates are the weights of '
    'SpectralPulseNet and SAGU. Left out: everything elementwise, pooling, interpolation, RoIAlign.'
)
TOTALS = {
    'convolutions and linear layers': 'conv_and_linear',
    'the same and attention': 'with_attention',
    'all that is counted': 'total',
}
"""What a table of a paper may mean by FLOPs: title -> key of the report."""

WIDTH = 120
"""Columns of the table where the output goes into a file."""


def main(argv: list[str] | None = None) -> int:
    """Count; ``argv`` defaults to the command line. Returns the exit code."""
    return run_tool(NAME, lambda: get_flops(argv))


def get_flops(argv: list[str] | None) -> None:
    """Parse ``argv`` and print, raising the errors that ``main`` turns into a sentence."""
    args = parse(_parser(), argv)
    cfg = read_config(args)
    if not cfg.get('model'):
        raise UserError(f'the config {args.config} has no model to count')
    shape = _shape(args.shape, cfg)
    report = make_report(cfg, shape, args.device)
    if args.json:
        print(json.dumps({'config': args.config, **report}))
    else:
        print_report(args.config, report)


def _parser() -> OneLineParser:
    parser = config_parser(
        NAME, 'Count the multiply-adds and parameters of a model.', examples=EXAMPLES
    )
    parser.add_argument(
        '--shape',
        nargs='+',
        type=int,
        metavar='N',
        help="side, or height and width, of the picture in px (default: the backbone's img_size, "
        f'or {SIDE})',
    )
    parser.add_argument('--json', action='store_true', help='print one JSON object instead')
    parser.add_argument(
        '--device',
        choices=['meta', 'cpu'],
        default='meta',
        help='meta (default) computes nothing; cpu runs the model, for operators meta lacks',
    )
    return parser


def _shape(asked: list[int] | None, cfg: Config) -> tuple[int, int]:
    sides = asked or cfg.model.get('backbone', {}).get('img_size', SIDE)
    sides = [sides] if isinstance(sides, int) else sides
    if len(sides) > 2 or min(sides) < SMALLEST:
        raise UserError(
            f'--shape takes a side or height and width of at least {SMALLEST} px, '
            f'got {" ".join(map(str, sides))}'
        )
    return sides[0], sides[-1]


def make_report(cfg: Config, shape: tuple[int, int], device: str) -> dict:
    """Everything the table shows, as plain data; work in multiply-adds."""
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    if not MMLogger.check_instance_created(NAME):
        MMLogger.get_instance(NAME, log_level='ERROR')  # mmpretrain logs what it fills in
    model = MODELS.build(cfg.model)
    picture, once = _count(model, shape, device)
    by_part, known = parameters_by_part(model), module_parts(model)
    rows: dict[str, Counter] = {label: Counter() for label in by_part}
    for (name, kind), count in picture.items():
        rows.setdefault(part_of(name, known), Counter())[kind] += count
    row = published_figures(cfg.model, shape)
    kinds: Counter = sum(rows.values(), Counter())
    return {
        'shape': shape,
        'unit': 'multiply-adds',
        'parameters': sum(by_part.values()),
        'total': kinds.total(),
        'conv_and_linear': kinds['conv'] + kinds['linear'],
        'with_attention': kinds['conv'] + kinds['linear'] + kinds['attention'],
        'kinds': {kind: kinds[kind] for kind in KINDS if kinds[kind]},
        'parts': {
            label: {'parameters': by_part.get(label, 0), **row} for label, row in rows.items()
        },
        'once_per_pass': once.total(),
        'proposals': proposals_of(model),
        'published': row and row._asdict(),
    }


def _count(model: nn.Module, shape: tuple[int, int], device: str) -> tuple[Work, Work]:
    try:
        return work_of(model.to(device), shape, device)
    except RuntimeError as error:  # NotImplementedError is one too
        if device == 'cpu':
            raise
        reason = str(error).partition('\n')[0]
        raise UserError(
            f'the model does not run on meta tensors ({reason}): try --device cpu'
        ) from error


def print_report(config: str, report: dict) -> None:
    """The table by part and kind, the totals by convention, and what is published."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    height, width = report['shape']
    table = Table(title=f'{config}, {height}x{width} px, G multiply-adds', show_footer=True)
    table.add_column('', footer='all')
    table.add_column('parameters', footer=f'{report["parameters"]:,}', justify='right')
    for kind, count in report['kinds'].items():
        table.add_column(KINDS[kind], footer=_giga(count), justify='right')
    table.add_column('all', footer=_giga(report['total']), justify='right')
    for label, row in report['parts'].items():
        counts = [row.get(kind, 0) for kind in report['kinds']]
        cells = [_giga(count) if count else '' for count in (*counts, sum(counts))]
        table.add_row(label, f'{row["parameters"]:,}', *cells)
    console.print(table)
    for title, key in TOTALS.items():
        console.print(f'{_giga(report[key], 2):>8} G  {title}')
    if row := report['published']:
        console.print(
            f'{row["work"] / 1e9:8.4g} G  and {row["parameters"] / 1e6:g}M parameters: '
            f'{row["source"]}'
        )
    if report['once_per_pass']:
        console.print(
            f'{_giga(report["once_per_pass"])} G more for each pass, whatever its batch: filters '
            'moved to this size, transforms of kernels (kept from pass to pass in eval mode)'
        )
    if report['proposals']:
        console.print(
            f'{report["proposals"]} proposals go to the box head, {PROPOSALS_MASKED} of them to '
            'the mask head'
        )
    console.print(CONVENTION)


def _giga(count: int, digits: int = 3) -> str:
    return f'{count / 1e9:.{digits}f}'


if __name__ == '__main__':
    sys.exit(main())
