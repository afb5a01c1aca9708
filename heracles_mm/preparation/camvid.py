"""CamVid in the form of the SegNet tutorial: driving pictures and label maps of 11 classes."""

import io
from pathlib import Path, PurePath

import numpy as np
from PIL import Image

from heracles_mm.data_checks.findings import read_each
from heracles_mm.errors import DataError
from heracles_mm.preparation.source_files import (
    MASK_SUFFIXES,
    File,
    Picture,
    files_by_name,
    paired,
    read_label_map,
    read_picture,
    refuse_doubles,
    refuse_other_count,
)
from heracles_mm.preparation.whole_folder import Content

PICTURES = {'train': 367, 'val': 101, 'test': 233}
VOID, IGNORED = 11, 255
"""Of the tutorial's maps, and what mmseg ignores."""


def camvid(source: Path) -> dict[str, Content]:
    """Read the folder CamVid, with the authors' split into train, val and test.

    Raises:
        DataError: what is wrong, with the file.
    """
    files: dict[str, Content] = {}
    split_of: dict[str, str] = {}
    pictures: list[Picture] = []
    for split, expected in PICTURES.items():
        pairs = paired(
            files_by_name(source / split), files_by_name(source / f'{split}annot', MASK_SUFFIXES)
        )
        refuse_other_count(len(pairs), expected, source / split)
        for (file, mask), (picture, labels) in read_each(_read, pairs, f'CamVid {split}'):
            if other := split_of.get(PurePath(file.name).stem):
                raise DataError(
                    f'{file} is in {source / other} too: unpack the whole data set again'
                )
            split_of[PurePath(file.name).stem] = split
            pictures.append(picture)
            files[f'images/{split}/{file.name}'] = file
            files[f'annotations/{split}/{mask.name}'] = labels
    refuse_doubles(pictures)
    return files


def _read(pair: tuple[File, File]) -> tuple[Picture, bytes]:
    """A picture and the PNG of its labels."""
    file, mask = pair
    picture = read_picture(file)
    labels = read_label_map(mask, picture)
    if labels.max() > VOID:
        raise DataError(
            f'{mask} holds the value {labels.max()}, and the labels of the SegNet tutorial are 0 '
            f'to {VOID}: take its folder CamVid'
        )
    png = io.BytesIO()
    ignored = np.where(labels == VOID, IGNORED, labels).astype(np.uint8)
    Image.fromarray(ignored).save(png, 'png')
    return picture, png.getvalue()
