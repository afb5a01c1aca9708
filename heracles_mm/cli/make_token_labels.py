"""Make label maps of any folder of pictures: ``python -m heracles_mm.cli.make_token_labels``.

A classifier's class scores at every position of its last map are kept, the strongest at each, in
one small file for each picture. The maps teach a classifier of ours: see docs/token_labels.md.
"""

import argparse
import importlib.util
import sys

from heracles_mm.cli.arguments import OneLineParser, add_trust_checkpoint, at_least
from heracles_mm.cli.running import CommandLine
from heracles_mm.errors import UserError

NAME = 'make_token_labels'
EXAMPLES = (
    'configs/heracles_nano_pictures.py pictures maps --checkpoint epoch_10.pth --grid 6',
    'swin-base_16xb64_in1k data/imagenet/train data/token_labels --shard 2/8 --workers 8',
)


def make_token_labels(args: argparse.Namespace) -> None:
    """Make label maps of a folder of pictures from an mmpretrain classifier."""
    if importlib.util.find_spec('mmpretrain') is None:
        raise UserError(
            'label maps need mmpretrain, which is not installed: pip install '
            "'heracles-mm[openmmlab]'"
        )
    from heracles_mm.token_labels.label_map_maker import (
        LabelMapMaker,
        keep_manifest,
        list_pictures,
    )
    from heracles_mm.token_labels.labeller import load_labeller

    pictures = list_pictures(args.pictures)
    scores, manifest = load_labeller(
        args.classifier, args.checkpoint, args.trust_checkpoint, args.topk, args.grid
    )
    keep_manifest(manifest, args.label_maps, pictures)
    maker = LabelMapMaker(scores, manifest, args.pictures, args.label_maps)
    part, parts = args.shard
    maker.run(pictures[part - 1 :: parts], args.batch_size, args.workers)


def _add_arguments(parser: OneLineParser) -> None:
    add = parser.add_argument
    add('classifier', help="config file, or a name of mmpretrain's list_models")
    add('pictures', help='folder of pictures, such as data/imagenet/train')
    add('label_maps', help='folder for the maps, which mirrors the pictures')
    add('--checkpoint', help='weights, file or URL (default: those of the name, if it has some)')
    add('--topk', type=at_least(1), default=5, help='classes a position (default: 5)')
    grid = "positions on each axis (default: 18); pictures get this times the last map's stride"
    add('--grid', type=at_least(1), default=18, help=grid)
    add('--shard', type=_shard, default='1/1', metavar='I/N', help='make the I-th of N equal parts')
    add('--batch-size', type=at_least(1), default=16)
    add('--workers', type=int, default=2, help='processes that read pictures')
    add_trust_checkpoint(parser)


def _shard(text: str) -> tuple[int, int]:
    part, _, parts = text.partition('/')
    if not (part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts)):
        raise argparse.ArgumentTypeError(f'takes I/N with I from 1 to N, such as 2/8, got {text!r}')
    return int(part), int(parts)


main = CommandLine(make_token_labels, _add_arguments, EXAMPLES)

if __name__ == '__main__':
    sys.exit(main())
