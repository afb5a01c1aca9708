"""Turn a checkpoint of upstream Heracles into ours, or ours into upstream's.

``python -m heracles_mm.cli.convert_checkpoint SRC DST``: which way follows from the names in SRC,
the model's sizes from their shapes.
"""

import json
import sys
from pathlib import Path

from heracles_mm.backbones.arch import Arch
from heracles_mm.backbones.heracles import HERACLES_ARCHS
from heracles_mm.checkpoints import read_checkpoint
from heracles_mm.checkpoints.recognise import weights_of
from heracles_mm.checkpoints.upstream import Conversion, Sizes, convert, parameters
from heracles_mm.checkpoints.writing import check_suffix, checkpoint_bytes, write_whole
from heracles_mm.cli.running import OneLineParser, run_tool
from heracles_mm.errors import UserError

NAME = 'convert_checkpoint'


def main(argv: list[str] | None = None) -> int:
    """Convert; ``argv`` defaults to the command line. Returns the exit code."""
    return run_tool(NAME, lambda: convert_checkpoint(argv))


def convert_checkpoint(argv: list[str] | None) -> None:
    """Parse ``argv`` and convert, raising the errors that ``main`` turns into a sentence."""
    args = _parser().parse_args(argv)
    target = Path(args.dst).expanduser()
    check_suffix(target)
    if target.resolve() == Path(args.src).expanduser().resolve():
        raise UserError(f'{args.dst} is the checkpoint to convert: give DST another name')
    if target.exists() and not args.force:
        raise UserError(f'{args.dst} is there already: give --force to replace it')
    conversion = convert(weights_of(read_checkpoint(args.src)))
    content = checkpoint_bytes(conversion.weights, {}, target)
    write_whole(content, target)
    if args.json:
        report = {
            'path': str(target),
            'source': conversion.source.name,
            'target': conversion.target.name,
            'tensors': len(conversion.weights),
            'parameters': parameters(conversion.weights),
            'bytes': len(content),
        }
        print(json.dumps(report))
    else:
        print(summary(conversion, args.src, args.dst))


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog=NAME,
        description='Turn a checkpoint of upstream Heracles into ours, or ours into upstream.',
        examples=('upstream_s.pth heracles_s.pth', 'epoch_12.pth upstream.safetensors --force'),
        allow_abbrev=False,
    )
    parser.add_argument('src', metavar='SRC', help='checkpoint file or URL')
    parser.add_argument('dst', metavar='DST', help='file to write: *.pth or *.safetensors')
    parser.add_argument('--force', action='store_true', help='replace DST if it is there')
    parser.add_argument('--json', action='store_true', help='print one JSON object instead')
    return parser


def summary(conversion: Conversion, src: str, dst: str) -> str:
    """What was turned into what, and the backbone that takes it."""
    weights, sizes = conversion.weights, conversion.sizes
    heads = {
        'class block': sizes.class_block,
        f'head of {sizes.classes} classes': sizes.classes,
        f'auxiliary head of {sizes.dense_classes} classes': sizes.dense_classes,
    }
    parts = ', '.join(['backbone', *(name for name, there in heads.items() if there)])
    return (
        f'{src} ({conversion.source.name}) -> {dst} ({conversion.target.name})\n'
        f'{parts}: {len(weights)} tensors, {parameters(weights):,} parameters\n'
        f"backbone=dict(type='Heracles', {options(sizes)})"
    )


def options(sizes: Sizes) -> str:
    """The options of Heracles that make a backbone of these sizes."""
    ratios = tuple(hidden / dim for hidden, dim in zip(sizes.hidden, sizes.embed_dims))
    arch = Arch(sizes.stem_width, sizes.embed_dims, sizes.depths, ratios)
    named = next((f"'{name}'" for name, known in HERACLES_ARCHS.items() if known == arch), None)
    described = named or (
        f'dict(stem_width={arch.stem_width}, embed_dims={arch.embed_dims}, '
        f'depths={arch.depths}, mlp_ratios={arch.mlp_ratios})'
    )
    return f'arch={described}, spectral_stages={sizes.spectral_stages}'


if __name__ == '__main__':
    sys.exit(main())
