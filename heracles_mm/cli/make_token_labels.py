"""Make label maps of any folder of pictures: ``python -m heracles_mm.cli.make_token_labels``.

A classifier's class scores at every position of its last map are kept, the strongest at each, in
one small file for each picture. The maps teach a classifier of ours: see docs/token_labels.md.
"""

import importlib.util
import sys

from heracles_mm.cli.running import OneLineParser, run_tool
from heracles_mm.errors import UserError

NAME = 'make_token_labels'
EXAMPLES = (
    'configs/heracles_nano_pictures.py pictures maps --checkpoint epoch_10.pth --grid 6',
    'swin-base_16xb64_in1k data/imagenet/train data/token_labels --shard 2/8 --workers 8',
)


def main(argv: list[str] | None = None) -> int:
    """Make label maps; ``argv`` defaults to the command line. Returns the exit code."""
    return run_tool(NAME, lambda: make_token_labels(argv))


def make_token_labels(argv: list[str] | None) -> None:
    """Parse ``argv`` and write the maps that are not there yet."""
    args = _parser().parse_args(argv)
    part, parts = _shard(args.shard)
    for name in ('topk', 'grid', 'batch_size'):
        if getattr(args, name) < 1:
            raise UserError(f'--{name.replace("_", "-")} must be at least 1')
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
    maker.run(pictures[part - 1 :: parts], args.batch_size, args.workers)


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog=NAME,
        description='Make label maps of a folder of pictures from an mmpretrain classifier.',
        examples=EXAMPLES,
        allow_abbrev=False,
    )
    parser.add_argument('classifier', help="config file, or a name of mmpretrain's list_models")
    parser.add_argument('pictures', help='folder of pictures, such as data/imagenet/train')
    parser.add_argument('label_maps', help='folder for the maps, which mirrors the pictures')
    parser.add_argument(
        '--checkpoint', help='weights, file or URL (default: those of the name, where it has some)'
    )
    parser.add_argument('--topk', type=int, default=5, help='classes a position (default: 5)')
    parser.add_argument(
        '--grid',
        type=int,
        default=18,
        help='positions on each axis (default: 18); pictures are resized to this times the last '
        "map's stride",
    )
    parser.add_argument(
        '--shard', default='1/1', metavar='I/N', help='make the I-th of N equal parts, I from 1'
    )
    parser.add_argument('--batch-size', type=int, default=16)
    parser.add_argument('--workers', type=int, default=2, help='processes that read pictures')
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='let the checkpoint hold Python objects, which may run code when loaded',
    )
    return parser


def _shard(text: str) -> tuple[int, int]:
    part, _, parts = text.partition('/')
    if not (part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts)):
        raise UserError(f'--shard takes I/N with I from 1 to N, such as 2/8, got {text!r}')
    return int(part), int(parts)


if __name__ == '__main__':
    sys.exit(main())
