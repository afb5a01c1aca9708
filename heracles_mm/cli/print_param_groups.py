"""Print the learning rate and weight decay of every parameter, before training.

``python -m heracles_mm.cli.print_param_groups CONFIG`` builds the model and the optimizer of a
config on the CPU, without data or weights, and prints one line for each pair of learning rate and
weight decay: as the config says, and beside it without layer decay, or with ``--decay-rate``.
"""

import argparse
import json
import sys
from dataclasses import asdict, replace

from mmengine.config import Config, ConfigDict
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope

from heracles_mm.cli import common
from heracles_mm.cli.arguments import OneLineParser, add_config
from heracles_mm.cli.running import CommandLine
from heracles_mm.engine import LayerDecayOptimWrapperConstructor
from heracles_mm.engine.lora import LoRA, adapt
from heracles_mm.engine.param_groups import format_param_groups, param_groups

NAME = 'print_param_groups'
EXAMPLES = (
    'configs/mask_rcnn_heracles_s_coco.py --decay-rate 0.8',
    'configs/heracles_s_imagenet.py --json --cfg-options optim_wrapper.optimizer.lr=5e-4',
)
LAYER_DECAY = LayerDecayOptimWrapperConstructor.__name__


def print_param_groups(args: argparse.Namespace) -> None:
    """Print the parameter groups of a config before training."""
    cfg = common.read_config(args, 'model', 'optim_wrapper')
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    MMLogger.get_instance(NAME, log_level='ERROR')  # mmengine logs a line for each parameter
    model = MODELS.build(cfg.model)
    if 'lora' in cfg:
        adapt(model, replace(LoRA.of(cfg), base=None))
    groups = {
        title: param_groups(model, build_optim_wrapper(model, wrapper).optimizer)
        for title, wrapper in _choices(cfg, args.decay_rate).items()
    }
    if args.json:
        print(json.dumps({'config': args.config, 'groups': groups}, default=asdict))
        return
    for title, found in groups.items():
        print(f'{title}:\n{format_param_groups(found)}\n')


def _add_arguments(parser: OneLineParser) -> None:
    add_config(parser)
    rate = 'print the groups with this layer decay too'
    parser.add_argument('--decay-rate', type=float, metavar='R', help=rate)
    parser.add_argument('--json', action='store_true', help='print one JSON object instead')


def _choices(cfg: Config, decay_rate: float | None) -> dict[str, ConfigDict]:
    """Title -> what builds the optimizer, without the mixed precision that needs a GPU."""
    keys = ('optimizer', 'constructor', 'paramwise_cfg')
    plain = ConfigDict({key: cfg.optim_wrapper[key] for key in keys if key in cfg.optim_wrapper})
    choices = {'as the config says': plain}
    options = dict(plain.get('paramwise_cfg') or {})
    others: dict[str, float] = {}
    decays = common.type_name({'type': plain.get('constructor', '')}) == LAYER_DECAY
    if decays and options.get('decay_rate') != 1:
        others['without layer decay'] = 1.0
    if decay_rate is not None:
        others[f'with layer decay {decay_rate:g}'] = decay_rate
    for title, rate in others.items():
        choices[title] = ConfigDict(
            optimizer=plain.optimizer,
            constructor=LAYER_DECAY,
            paramwise_cfg={**options, 'decay_rate': rate},
        )
    return choices


main = CommandLine(print_param_groups, _add_arguments, EXAMPLES)

if __name__ == '__main__':
    sys.exit(main())
