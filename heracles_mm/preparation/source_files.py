"""The pictures and masks of a data set, checked as they are read."""

import hashlib
import io
import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from heracles_mm.errors import DataError

File = Path | zipfile.Path
"""A file or a folder, on disk or in a zip."""

MASK_SUFFIXES = ('.png',)
PICTURE_SUFFIXES = ('.png', '.jpg', '.jpeg')


class Picture(NamedTuple):
    """A picture that can be read: its file, (width, height) in px and the hash of its bytes."""

    file: File
    size: tuple[int, int]
    digest: str


def files_by_name(
    folder: File, suffixes: tuple[str, ...] = PICTURE_SUFFIXES, ending: str = ''
) -> dict[str, File]:
    """The files of a folder by their names without suffix and ``ending``, sorted; no hidden ones.

    Raises:
        DataError: there is no such folder, or two files have one name.
    """
    if not folder.is_dir():
        raise DataError(f'{folder} is missing or no folder: unpack the whole data set again')
    found: dict[str, File] = {}
    for file in folder.iterdir():
        stem, suffix = os.path.splitext(file.name)
        if suffix.lower() in suffixes and not stem.startswith('.'):
            other = found.setdefault(stem.removesuffix(ending), file)
            if other is not file:
                raise DataError(f'{other} and {file} are one picture twice: remove one of them')
    return dict(sorted(found.items()))


def paired(pictures: Mapping[str, File], masks: Mapping[str, File]) -> list[tuple[File, File]]:
    """Each picture with the mask of its name.

    Raises:
        DataError: a picture has no mask, or a mask no picture.
    """
    for name in sorted(pictures.keys() ^ masks.keys()):
        lone, lacks = (pictures[name], 'mask') if name in pictures else (masks[name], 'picture')
        raise DataError(f'{lone} has no {lacks}: unpack the whole data set again')
    return [(file, masks[name]) for name, file in pictures.items()]


def refuse_other_count(count: int, expected: int, folder: File) -> None:
    """Raise a DataError where a data set of fixed size is not whole."""
    if count != expected:
        raise DataError(
            f'{folder} holds {count} pictures and the data set has {expected} there: unpack the '
            'whole data set again'
        )


def read_picture(file: File) -> Picture:
    """Decode a picture wholly.

    Raises:
        DataError: it cannot be read.
    """
    image, content = _decoded(file)
    return Picture(file, image.size, hashlib.blake2b(content).hexdigest())


def refuse_doubles(pictures: Iterable[Picture]) -> None:
    """Raise a DataError for two pictures of the same content."""
    known: dict[str, File] = {}
    for picture in pictures:
        other = known.setdefault(picture.digest, picture.file)
        if other is not picture.file:
            raise DataError(
                f'{other} and {picture.file} are the same picture: unpack the data set again, or '
                'remove one of them with its masks'
            )


def read_label_map(file: File, picture: Picture) -> np.ndarray:
    """A mask whose values are numbers of objects or classes: (height, width) uint8.

    Raises:
        DataError: it cannot be read, is of colours, or is not as large as its picture.
    """
    image = read_mask(file, picture)
    if image.mode not in ('L', 'P'):
        raise DataError(
            f'{file} has the pixels {image.mode}, and its values must be numbers from 0 to 255 (a '
            'grey or palette PNG): unpack the whole data set again'
        )
    return np.asarray(image)


def read_mask(file: File, picture: Picture) -> Image.Image:
    """A mask as large as its picture.

    Raises:
        DataError: it cannot be read, or is not as large.
    """
    image, _ = _decoded(file)
    if image.size != picture.size:
        (width, height), (its_width, its_height) = image.size, picture.size
        raise DataError(
            f'{file} is {width}x{height} px and its picture {picture.file} is {its_width}x'
            f'{its_height}: unpack the whole data set again'
        )
    return image


def _decoded(file: File) -> tuple[Image.Image, bytes]:
    try:
        content = file.read_bytes()
        image = Image.open(io.BytesIO(content))
        image.load()
    except Exception as error:  # whatever a decoder raises
        raise DataError(
            f'{file} cannot be read, so it is cut short, damaged or no picture: copy it again'
        ) from error
    return image, content
