"""Train any mmdet, mmseg or mmpretrain config: ``python -m heracles_mm.cli.train CONFIG``.

One tool for the three libraries, because the config's ``default_scope`` already decides. The flags
are mmdet's. Checkpoints are written as plain data and read safely, and mistakes that can be seen
beforehand (a missing data set, checkpoint or base file) stop it before anything is built.
"""

import argparse
import sys

from mmengine.config import Config
from mmengine.device import get_device

from heracles_mm.checkpoints import latest_checkpoint, read_checkpoint, read_plain_checkpoints_only
from heracles_mm.cli import common
from heracles_mm.cli.arguments import OneLineParser, add_runner
from heracles_mm.cli.running import CommandLine, print_line
from heracles_mm.engine.resume_config import SCHEDULES
from heracles_mm.errors import UserError

NAME = 'train'
STAGES = ('train', 'val')
EXAMPLES = (
    'configs/heracles_nano_parts.py',
    'configs/mask_rcnn_heracles_s_coco.py --amp --resume',
    'configs/upernet_hamsa_s_ade20k.py --auto-scale-lr --cfg-options train_dataloader.batch_size=4',
)


def train(args: argparse.Namespace) -> None:
    """Train a model from an mmdet, mmseg or mmpretrain config."""
    cfg = common.load_config(args)
    if args.amp:
        _use_amp(cfg)
    if args.auto_scale_lr:
        _use_auto_scale_lr(cfg)
    _choose_checkpoint(cfg, args.resume)
    if args.resume_schedule:
        if not (args.resume or cfg.resume):
            raise UserError('--resume-schedule goes with --resume')
        cfg.resume_schedule = args.resume_schedule
    if args.rehearse == 'off':
        hooks = [
            hook
            for hook in cfg.get('custom_hooks') or ()
            if common.type_name(hook) != 'RehearsalHook'
        ]
        cfg.custom_hooks = [*hooks, {'type': 'RehearsalHook', 'enabled': False}]
    common.default_loader_settings(cfg, STAGES)
    common.check_data(NAME, cfg, STAGES if cfg.get('val_cfg') else STAGES[:1])
    trusted = cfg.get('load_from') if args.trust_checkpoint else None
    _take_up_seed(cfg, trusted)
    with common.open_runner(NAME, cfg, trusted) as runner:
        runner.train()


def _add_arguments(parser: OneLineParser) -> None:
    add_runner(parser)
    parser.add_argument(
        '--amp', action='store_true', help='automatic mixed precision, on a CPU in bfloat16'
    )
    scale = "scale the learning rate by batch size over the config's base_batch_size"
    parser.add_argument('--auto-scale-lr', action='store_true', help=scale)
    resume = (
        'continue from this checkpoint, or without a value from the newest in the work folder '
        '(from the beginning where there is none)'
    )
    parser.add_argument('--resume', nargs='?', const='auto', metavar='CHECKPOINT', help=resume)
    schedule = (
        'with --resume: take learning rates and schedule from the checkpoint (default), or the new '
        'ones of the config at the step reached'
    )
    parser.add_argument('--resume-schedule', choices=SCHEDULES, help=schedule)
    rehearse = 'try one training step and one evaluation batch before the run (default: on)'
    parser.add_argument('--rehearse', choices=['on', 'off'], default='on', help=rehearse)


def _use_amp(cfg: Config) -> None:
    kind = common.type_name(cfg.optim_wrapper) or 'OptimWrapper'
    if kind not in ('OptimWrapper', 'AmpOptimWrapper'):
        raise UserError(f'--amp replaces OptimWrapper, but this config trains with {kind}')
    device = get_device()
    if device == 'mps':
        raise UserError('--amp is for CUDA and for CPUs, and this machine has mps: run without it')
    if device == 'cpu':
        for option in ('loss_scale', 'dtype'):
            cfg.optim_wrapper.pop(option, None)
        cfg.optim_wrapper.type = 'CpuAmpOptimWrapper'
    else:
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def _use_auto_scale_lr(cfg: Config) -> None:
    if 'base_batch_size' not in (cfg.get('auto_scale_lr') or {}):
        raise UserError(
            '--auto-scale-lr needs the batch size that the learning rate was made for: add '
            'auto_scale_lr = dict(base_batch_size=...) to the config, or give it with '
            '--cfg-options auto_scale_lr.base_batch_size=...'
        )
    cfg.auto_scale_lr.enable = True


def _choose_checkpoint(cfg: Config, resume: str | None) -> None:
    """Turn --resume into the config's ``resume`` and ``load_from``, with a file that exists.

    Where 'auto' finds nothing, training starts from the beginning, with a message: the same command
    line can then be queued again and again on a cluster that takes machines away.
    """
    if resume is None and cfg.get('resume'):
        resume = cfg.get('load_from') or 'auto'
    if resume == 'auto':
        latest = latest_checkpoint(cfg.work_dir, lambda message: print_line(NAME, message))
        if latest is None:
            print_line(
                NAME, f'no checkpoint to resume in {cfg.work_dir}: starting from the beginning'
            )
        resume = str(latest) if latest else None
    cfg.resume = resume is not None
    if resume is not None:
        cfg.load_from = resume
    if cfg.get('load_from'):
        common.check_checkpoint_path(cfg.load_from)


def _take_up_seed(cfg: Config, trusted: str | None) -> None:
    """Let a resumed run without a seed of its own begin with the one it began with.

    mmengine takes it up from the checkpoint too, but only after the order of the data is chosen.
    """
    if not cfg.resume or (cfg.get('randomness') or {}).get('seed') is not None:
        return
    with read_plain_checkpoints_only(trusted):
        checkpoint = read_checkpoint(cfg.load_from, mmap=True)
    meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
    seed = meta.get('seed') if isinstance(meta, dict) else None
    if isinstance(seed, int):
        cfg.randomness = {**(cfg.get('randomness') or {}), 'seed': seed}


main = CommandLine(train, _add_arguments, EXAMPLES)

if __name__ == '__main__':
    sys.exit(main())
