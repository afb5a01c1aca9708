"""Strip a training checkpoint to what others need, and name it by its content.

``python -m heracles_mm.cli.publish_model IN OUT`` writes OUT-<first 8 of its sha256>.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from torch import Tensor

from heracles_mm.checkpoints import CheckpointError, read_checkpoint
from heracles_mm.checkpoints.recognise import a_few, weights_of
from heracles_mm.checkpoints.upstream import parameters
from heracles_mm.checkpoints.writing import check_suffix, checkpoint_bytes, write_whole
from heracles_mm.cli.arguments import OneLineParser
from heracles_mm.cli.common import read_config
from heracles_mm.cli.running import CommandLine
from heracles_mm.engine.lora import ENTRY, merge

NAME = 'publish_model'
EXAMPLES = (
    'epoch_12.pth mask_rcnn.pth',
    'epoch_310.pth heracles_s.safetensors --ema --half --json',
)
AVERAGED = 'ema_state_dict'
KEPT_META = ('dataset_meta',)
"""What the libraries' inferencers read: the names and colours of the classes."""


def publish_model(args: argparse.Namespace) -> None:
    """Strip a training checkpoint to its weights, and name it by its content."""
    out = Path(args.out).expanduser()
    check_suffix(out)
    checkpoint = read_checkpoint(args.checkpoint)
    weights, which = choose(checkpoint, args.ema)
    if args.lora:
        cfg = read_config(argparse.Namespace(config=args.lora, cfg_options=None), 'model', 'lora')
        weights = merge(cfg, checkpoint, weights)
        which = f'{which}, adapters merged'
    elif isinstance(checkpoint, dict) and ENTRY in checkpoint:
        raise CheckpointError(
            f'{args.checkpoint} holds adapters: --lora CONFIG merges them into the weights that '
            "the config's lora.base names"
        )
    if damaged := [key for key, tensor in weights.items() if not tensor.isfinite().all()]:
        raise CheckpointError(f'{args.checkpoint} holds NaN or infinity in {a_few(damaged)}')
    if args.half:
        weights = {key: _half(key, tensor) for key, tensor in weights.items()}
    meta = checkpoint.get('meta')
    meta = {key: meta[key] for key in KEPT_META if key in meta} if isinstance(meta, dict) else {}
    content = checkpoint_bytes(weights, meta, out)
    digest = hashlib.sha256(content).hexdigest()
    published = out.with_name(f'{out.stem}-{digest[:8]}{out.suffix}')
    write_whole(content, published)
    if args.json:
        report = {
            'path': str(published),
            'sha256': digest,
            'weights': which,
            'tensors': len(weights),
            'parameters': parameters(weights),
            'bytes': len(content),
        }
        print(json.dumps(report))
        return
    print(
        f'{published}: {which}, {len(weights)} tensors, {parameters(weights):,} parameters, '
        f'{len(content) / 1e6:.1f} MB'
    )


def _half(key: str, tensor: Tensor) -> Tensor:
    """In float16, whole numbers as they are."""
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    if not half.isfinite().all():
        raise CheckpointError(f"{key} holds numbers beyond 65504, float16's largest: no --half")
    return half


def _add_arguments(parser: OneLineParser) -> None:
    parser.add_argument('checkpoint', metavar='IN', help='checkpoint file or URL')
    out = '*.pth or *.safetensors; its hash is put before the suffix'
    parser.add_argument('out', metavar='OUT', help=out)
    parser.add_argument('--ema', action='store_true', help='take the averaged weights (EMAHook)')
    lora = 'merge the adapters of a run with this config (with lora) into the weights'
    parser.add_argument('--lora', metavar='CONFIG', help=lora)
    parser.add_argument('--half', action='store_true', help='store numbers in float16')
    parser.add_argument('--json', action='store_true', help='print one JSON object instead')


def choose(checkpoint: Any, ema: bool) -> tuple[dict[str, Tensor], str]:
    """The weights to publish, and what they are called.

    mmengine's EMAHook exchanges the two kinds when it saves: ``state_dict`` holds the averaged
    weights, and ``ema_state_dict`` (with ``module.`` before each key) those that training goes on
    from.

    Raises:
        CheckpointError: averaged weights are wanted and not there, or there are no weights.
    """
    weights = weights_of(checkpoint)
    if not all(isinstance(checkpoint.get(key), dict) for key in ('state_dict', AVERAGED)):
        if ema:
            raise CheckpointError(
                'the checkpoint holds no averaged weights beside others (state_dict and '
                f'{AVERAGED}, as EMAHook writes them): leave --ema away'
            )
        return weights, 'weights'
    if ema:
        return weights, 'averaged weights'
    current = weights_of(checkpoint[AVERAGED])
    return {key: current.get(key, value) for key, value in weights.items()}, (
        'weights as training left them (--ema takes the averaged ones)'
    )


main = CommandLine(publish_model, _add_arguments, EXAMPLES)

if __name__ == '__main__':
    sys.exit(main())
