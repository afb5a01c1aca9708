"""Penn-Fudan: pedestrians in streets, a map of numbered people for each picture."""

import random
import zipfile
from pathlib import Path

import numpy as np

from heracles_mm.data_checks.findings import read_each
from heracles_mm.errors import DataError
from heracles_mm.preparation.coco_files import Annotated, coco_files, instance
from heracles_mm.preparation.source_files import (
    MASK_SUFFIXES,
    File,
    files_by_name,
    paired,
    read_label_map,
    read_picture,
    refuse_other_count,
)
from heracles_mm.preparation.whole_folder import Content

PICTURES, VAL = 170, 50


def penn_fudan(source: Path) -> dict[str, Content]:
    """Read the folder PennFudanPed or its zip.

    The validation pictures are the first 50 of the sorted names after
    ``random.Random(0).shuffle``: the authors have no split of their own.

    Raises:
        DataError: what is wrong, with the file.
    """
    root = _opened(source)
    pairs = paired(
        files_by_name(root / 'PNGImages'),
        files_by_name(root / 'PedMasks', MASK_SUFFIXES, '_mask'),
    )
    refuse_other_count(len(pairs), PICTURES, root / 'PNGImages')
    people = [found for _, found in read_each(_read, pairs, 'Penn-Fudan')]
    order = list(range(len(people)))
    random.Random(0).shuffle(order)
    val = set(order[:VAL])
    return coco_files(
        {
            'train': [one for i, one in enumerate(people) if i not in val],
            'val': [one for i, one in enumerate(people) if i in val],
        },
        'pedestrian',
    )


def _opened(source: Path) -> File:
    if not source.is_file():
        return source
    try:
        return zipfile.Path(source) / 'PennFudanPed'
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(
            f'{source} cannot be read as a zip ({error}): download it again, or name the folder '
            'PennFudanPed'
        ) from error


def _read(pair: tuple[File, File]) -> Annotated:
    picture = read_picture(pair[0])
    people = read_label_map(pair[1], picture)
    return Annotated(picture, [instance(people == k) for k in np.unique(people) if k != 0])
