"""Print the learning rate and weight decay of every parameter, before training.

``python -m heracles_mm.cli.print_param_groups CONFIG`` builds the model and the optimizer of a
config on the CPU, without data or weights, and prints one line for each pair of learning rate and
weight decay: as the config says, and beside it without layer decay, or with ``--decay-rate``.
"""

import json
import sys
from dataclasses import asdict

from mmengine.config import Config, ConfigDict
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope

from heracles_mm.cli.common import config_parser, parse, read_config, type_name
from heracles_mm.cli.running import OneLineParser, run_tool
from heracles_mm.engine import LayerDecayOptimWrapperConstructor
from heracles_mm.engine.param_groups import format_param_groups, param_groups
from heracles_mm.errors import UserError

NAME = 'print_param_groups'
EXAMPLES = (
    'configs/mask_rcnn_heracles_s_coco.py --decay-rate 0.8',
    'configs/heracles_s_imagenet.py --json --cfg-options optim_wrapper.optimizer.lr=5e-4',
)
LAYER_DECAY = LayerDecayOptimWrapperConstructor.__name__


def main(argv: list[str] | None = None) -> int:
    """Print the tables; ``argv`` defaults to the command line. Returns the exit code."""
    return run_tool(NAME, lambda: print_param_groups(argv))


def print_param_groups(argv: list[str] | None) -> None:
    """Parse ``argv`` and print, raising the errors that ``main`` turns into a sentence."""
    args = parse(_parser(), argv)
    cfg = read_config(args)
    for key in ('model', 'optim_wrapper'):
        if not cfg.get(key):
            raise UserError(f'the config {args.config} has no {key}, so there are no groups')
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    MMLogger.get_instance(NAME, log_level='ERROR')  # mmengine logs a line for each parameter
    model = MODELS.build(cfg.model)
    groups = {
        title: param_groups(model, build_optim_wrapper(model, wrapper).optimizer)
        for title, wrapper in _choices(cfg, args.decay_rate).items()
    }
    if args.json:
        plain = {title: [asdict(group) for group in found] for title, found in groups.items()}
        print(json.dumps({'config': args.config, 'groups': plain}))
        return
    for title, found in groups.items():
        print(f'{title}:\n{format_param_groups(found)}\n')


def _parser() -> OneLineParser:
    parser = config_parser(
        NAME, 'Print the parameter groups of a config before training.', examples=EXAMPLES
    )
    parser.add_argument(
        '--decay-rate', type=float, metavar='R', help='print the groups with this layer decay too'
    )
    parser.add_argument('--json', action='store_true', help='print one JSON object instead')
    return parser


def _choices(cfg: Config, decay_rate: float | None) -> dict[str, ConfigDict]:
    """Title -> what builds the optimizer, without the mixed precision that needs a GPU."""
    keys = ('optimizer', 'constructor', 'paramwise_cfg')
    plain = ConfigDict({key: cfg.optim_wrapper[key] for key in keys if key in cfg.optim_wrapper})
    choices = {'as the config says': plain}
    options = dict(plain.get('paramwise_cfg') or {})
    if type_name({'type': plain.get('constructor', '')}) == LAYER_DECAY:
        default = {k: v for k, v in options.items() if k != 'decay_rate'}
        choices['without layer decay'] = ConfigDict(
            optimizer=plain.optimizer, paramwise_cfg=default
        )
    if decay_rate is not None:
        choices[f'with layer decay {decay_rate:g}'] = ConfigDict(
            optimizer=plain.optimizer,
            constructor=LAYER_DECAY,
            paramwise_cfg={**options, 'decay_rate': decay_rate},
        )
    return choices


if __name__ == '__main__':
    sys.exit(main())
