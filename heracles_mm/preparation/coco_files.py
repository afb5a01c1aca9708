"""The files of a data set of one category in COCO's form."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from heracles_mm.errors import UserError
from heracles_mm.preparation.source_files import Picture, refuse_doubles
from heracles_mm.preparation.whole_folder import Content


class Annotated(NamedTuple):
    """A picture and its objects, as ``instance`` gives them."""

    picture: Picture
    instances: list[dict[str, Any]]


def instance(mask: np.ndarray) -> dict[str, Any]:
    """COCO's area, box (x, y, width, height, in px) and mask of an object.

    The mask, (height, width) bool, is kept exactly, as compressed run lengths.
    """
    try:
        from pycocotools import mask as coco_mask
    except ModuleNotFoundError:
        raise UserError(
            'masks are written by pycocotools, which comes with mmdet and is not installed: pip '
            'install pycocotools'
        ) from None
    run_lengths = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {
        'iscrowd': 0,
        'area': int(coco_mask.area(run_lengths)),
        'bbox': coco_mask.toBbox(run_lengths).tolist(),
        'segmentation': {**run_lengths, 'counts': run_lengths['counts'].decode()},
    }


def coco_files(splits: Mapping[str, Sequence[Annotated]], category: str) -> dict[str, Content]:
    """``annotations/{split}.json`` and, in ``{split}/``, its pictures as they are.

    Ids begin at 1 in each split, in the order of its pictures.

    Raises:
        DataError: a picture is there twice, by content.
    """
    refuse_doubles(one.picture for split in splits.values() for one in split)
    files: dict[str, Content] = {}
    for split, pictures in splits.items():
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for image_id, (picture, instances) in enumerate(pictures, start=1):
            name, (width, height) = picture.file.name, picture.size
            files[f'{split}/{name}'] = picture.file
            images.append({'id': image_id, 'file_name': name, 'height': height, 'width': width})
            for one in instances:
                ids = {'id': len(annotations) + 1, 'image_id': image_id, 'category_id': 1}
                annotations.append({**ids, **one})
        content = {
            'images': images,
            'annotations': annotations,
            'categories': [{'id': 1, 'name': category}],
        }
        files[f'annotations/{split}.json'] = json.dumps(content).encode()
    return files
