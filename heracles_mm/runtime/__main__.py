"""What an exported model finds in pictures: ``python -m heracles_mm.runtime FILE PICTURE...``."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from PIL import Image

from heracles_mm.errors import DataError, UserError
from heracles_mm.runtime.drawing import drawn
from heracles_mm.runtime.engines import ENGINES
from heracles_mm.runtime.model import Model
from heracles_mm.runtime.outcomes import Detections, LabelMap, Result

NAME = 'heracles_mm.runtime'
SCORE = 0.3
"""Detections below it are usually left out of pictures."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f'{message} (see --help)')


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f'must be from 0 to 1, not {text}')
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0, or 2 after one line on stderr about what ends
    it or about each picture that cannot be read."""
    parser = _Parser(prog=f'python -m {NAME}', description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add('model', metavar='FILE', help='of tools/export_onnx.py')
    add('pictures', nargs='+', metavar='PICTURE', help='files of any kind that Pillow reads')
    add('--out', type=Path, metavar='DIR', help='draw the results into this folder')
    add('--json', action='store_true', help='print one JSON object a picture')
    add('--score', type=_share, default=SCORE, help='least of detections (default: %(default)s)')
    add('--slice', type=int, metavar='PX', help='look slice by slice, of this side (detectors)')
    add(
        '--margin',
        type=float,
        default=0.2,
        help='share of a slice seen twice (default: %(default)s)',
    )
    add('--engine', choices=list(ENGINES), default='onnxruntime', help='default: %(default)s')
    add('--threads', type=int, help='of the processor (default: all)')
    try:
        return _run(parser.parse_args(argv))
    except UserError as error:
        return _complain(error)


def _complain(error: UserError) -> int:
    print(f'{NAME}: error: {" ".join(str(error).split())}', file=sys.stderr)
    return 2


def _run(args: argparse.Namespace) -> int:
    model = Model(args.model, args.engine, args.threads)
    stems, code = [Path(name).stem for name in args.pictures], 0
    for name, stem in zip(args.pictures, stems, strict=True):
        try:
            result = _found(model, name, args)
        except DataError as error:
            code = _complain(error)
            continue
        if args.out:
            # Two pictures of one name keep their whole paths in the names of what is drawn.
            shown = stem if stems.count(stem) == 1 else '_'.join(Path(name).with_suffix('').parts)
            images = {'found': drawn(name, result, model.description)}
            if isinstance(result, LabelMap):
                images['labels'] = Image.fromarray(result.labels)
            for what, image in images.items():
                path = args.out / f'{shown.strip("/_")}_{what}.png'
                sources = filter(os.path.exists, args.pictures)
                if path.exists() and any(map(path.samefile, sources)):
                    raise UserError(f'{path} is one of the pictures: choose another --out')
                save(image, path)
        if args.json:
            height, width = result.size
            print(json.dumps({'picture': name, 'size': [height, width], **result.as_dict()}))
        else:
            print(f'{name}: {said(result)}')
    return code


def _found(model: Model, name: str, args: argparse.Namespace) -> Result:
    if args.slice is not None:
        from heracles_mm.runtime.sliced import detect_in_slices

        def progress(done: int, count: int) -> None:
            if sys.stderr.isatty():
                end = '\r' if done < count else '\n'
                print(f'{NAME}: {name}, slice {done} of {count}', end=end, file=sys.stderr)

        return detect_in_slices(model, name, args.slice, args.margin, args.score, progress)
    result = model(name)
    return result.above(args.score) if isinstance(result, Detections) else result


def said(result: Result) -> str:
    """One line about a result."""
    if isinstance(result, Detections):
        names = result.names()
        counts = {name: names.count(name) for name in dict.fromkeys(names)}
        return ', '.join(f'{count} {name}' for name, count in counts.items()) or 'nothing'
    if isinstance(result, LabelMap):
        return ', '.join(f'{name} {share:.0%}' for name, share in result.areas().items())
    return ', '.join(f'{name} {score:.2f}' for name, score in result.top())


def save(image: Image.Image, path: Path) -> None:
    """Write a picture, whole or not at all.

    Raises:
        UserError: the folder or the disk refuses it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix='.', dir=path.parent) as folder:
            image.save(Path(folder) / path.name)
            os.replace(Path(folder) / path.name, path)
    except OSError as error:
        raise UserError(f'{path} cannot be written: {error.strerror or error}') from error


if __name__ == '__main__':
    sys.exit(main())
