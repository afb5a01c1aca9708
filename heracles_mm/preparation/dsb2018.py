"""The nuclei of the Data Science Bowl 2018: a folder for each picture, a mask for each nucleus."""

from pathlib import Path

import numpy as np

from heracles_mm.data_checks.findings import read_each
from heracles_mm.errors import DataError
from heracles_mm.preparation.coco_files import Annotated, coco_files, instance
from heracles_mm.preparation.source_files import (
    MASK_SUFFIXES,
    files_by_name,
    read_mask,
    read_picture,
)
from heracles_mm.preparation.whole_folder import Content


def dsb2018(source: Path) -> dict[str, Content]:
    """Read the folder stage1_train.

    Every fifth picture by name is for validation. How many pictures there are is not checked:
    corrected versions leave some out. A mask without a pixel is no nucleus.

    Raises:
        DataError: what is wrong, with the file.
    """
    folders = sorted(path for path in _listed(source) if path.is_dir() and path.name[0] != '.')
    if not folders:
        raise DataError(f'{source} holds no folders: name stage1_train, with one for each picture')
    nuclei = [found for _, found in read_each(_read, folders, 'DSB2018')]
    val = nuclei[4::5]
    del nuclei[4::5]
    return coco_files({'train': nuclei, 'val': val}, 'nucleus')


def _listed(source: Path) -> list[Path]:
    if not source.is_dir():
        raise DataError(f'{source} is missing or no folder: unpack stage1_train.zip and name that')
    return list(source.iterdir())


def _read(folder: Path) -> Annotated:
    pictures = files_by_name(folder / 'images')
    masks = files_by_name(folder / 'masks', MASK_SUFFIXES)
    if [*pictures] != [folder.name]:
        raise DataError(
            f'{folder / "images"} must hold the picture {folder.name}.png alone and holds '
            f'{", ".join(pictures) or "none"}: unpack the whole data set again'
        )
    if not masks:
        raise DataError(
            f'{folder / "masks"} holds no masks, and each picture needs some: unpack the whole '
            'data set again (stage1_train, not stage1_test)'
        )
    picture = read_picture(pictures[folder.name])
    nuclei = (np.asarray(read_mask(file, picture).convert('L')) > 0 for file in masks.values())
    return Annotated(picture, [instance(nucleus) for nucleus in nuclei if nucleus.any()])
