"""Turn a checkpoint of upstream Heracles into ours, or ours into upstream's.

``python -m heracles_mm.cli.convert_checkpoint SRC DST``: which way follows from the names in SRC,
the model's sizes from their shapes.
"""

import argparse
import json
import sys
from pathlib import Path

from heracles_mm.backbones.arch import Arch
from heracles_mm.backbones.heracles import HERACLES_ARCHS
from heracles_mm.checkpoints import read_checkpoint
from heracles_mm.checkpoints.recognise import weights_of
from heracles_mm.checkpoints.upstream import Conversion, Sizes, convert, parameters
from heracles_mm.checkpoints.writing import (
    check_output,
    check_suffix,
    checkpoint_bytes,
    write_whole,
)
from heracles_mm.cli.arguments import OneLineParser
from heracles_mm.cli.running import CommandLine
from heracles_mm.errors import UserError

NAME = 'convert_checkpoint'
EXAMPLES = ('upstream_s.pth heracles_s.pth', 'epoch_12.pth upstream.safetensors --force')


def convert_checkpoint(args: argparse.Namespace) -> None:
    """Turn a checkpoint of upstream Heracles into ours, or ours into upstream."""
    target = Path(args.dst).expanduser()
    check_suffix(target)
    check_output(args.dst, args.src)
    if target.exists() and not args.force:
        raise UserError(f'{args.dst} is there already: give --force to replace it')
    conversion = convert(weights_of(read_checkpoint(args.src)))
    content = checkpoint_bytes(conversion.weights, {}, target)
    write_whole(content, target)
    if args.json:
        report = {
            'path': str(target),
            'source': conversion.source,
            'target': conversion.target,
            'tensors': len(conversion.weights),
            'parameters': parameters(conversion.weights),
            'bytes': len(content),
        }
        print(json.dumps(report))
    else:
        print(_summary(conversion, args.src, args.dst))


def _add_arguments(parser: OneLineParser) -> None:
    parser.add_argument('src', metavar='SRC', help='checkpoint file or URL')
    parser.add_argument('dst', metavar='DST', help='file to write: *.pth or *.safetensors')
    parser.add_argument('--force', action='store_true', help='replace DST if it is there')
    parser.add_argument('--json', action='store_true', help='print one JSON object instead')


def _summary(conversion: Conversion, src: str, dst: str) -> str:
    weights, sizes = conversion.weights, conversion.sizes
    heads = {
        'class block': sizes.class_block,
        f'head of {sizes.classes} classes': sizes.classes,
        f'auxiliary head of {sizes.dense_classes} classes': sizes.dense_classes,
    }
    parts = ', '.join(['backbone', *(name for name, there in heads.items() if there)])
    return (
        f'{src} ({conversion.source}) -> {dst} ({conversion.target})\n'
        f'{parts}: {len(weights)} tensors, {parameters(weights):,} parameters\n'
        f"backbone=dict(type='Heracles', {_options(sizes)})"
    )


def _options(sizes: Sizes) -> str:
    ratios = tuple(hidden / dim for hidden, dim in zip(sizes.hidden, sizes.embed_dims))
    arch = Arch(sizes.stem_width, sizes.embed_dims, sizes.depths, ratios)
    named = next((f"'{name}'" for name, known in HERACLES_ARCHS.items() if known == arch), None)
    described = named or (
        f'dict(stem_width={arch.stem_width}, embed_dims={arch.embed_dims}, '
        f'depths={arch.depths}, mlp_ratios={arch.mlp_ratios})'
    )
    return f'arch={described}, spectral_stages={sizes.spectral_stages}'


main = CommandLine(convert_checkpoint, _add_arguments, EXAMPLES)

if __name__ == '__main__':
    sys.exit(main())
