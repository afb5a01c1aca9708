"""The pictures that a file in COCO's form names: which are used, there, and of their size."""

import os
from collections.abc import Generator, Iterator, Sequence

import numpy as np

from heracles_mm.data_checks.coco_annotations import Annotations
from heracles_mm.data_checks.coco_boxes import past
from heracles_mm.data_checks.findings import Odd, missing_files, missing_pictures, shortened
from heracles_mm.data_checks.picture_files import loaded_sizes, orientation


def picture_findings(
    file: Annotations, instances: np.ndarray, level: str
) -> Generator[str, None, Sequence[str]]:
    """Find missing and unread pictures and other sizes, and return the paths that are used.

    ``instances`` is a mask over the annotations: those that mmdet makes instances of.
    """
    use, kept = file.use, np.ones(len(file.images), bool)
    if use.train and use.filter_cfg:
        if use.filter_cfg.get('filter_empty_gt'):
            kept[:] = False
            counted = (file.image >= 0) & (file.label >= 0)
            if use.things is not None:
                counted &= instances & (file.label < use.things) & ~file.crowd
            kept[file.image[counted]] = True
        kept &= file.size.min(axis=1) >= use.filter_cfg.get('min_size', 0)
    rows = np.flatnonzero(kept)
    if isinstance(use.indices, int):
        rows = rows[: use.indices] if use.indices >= 0 else rows[use.indices :]
    elif use.indices is not None:
        rows = rows[[i for i in use.indices if -len(rows) <= i < len(rows)]]
    if not len(rows):
        text = (
            f'filter_cfg and indices leave none of the {len(file.images)} pictures of '
            f'{use.path}: for pictures without objects set filter_cfg.filter_empty_gt=False'
        )
        yield text if use.serialize_data and use.known_filter else Odd(text)
    paths = [os.path.join(use.folder, file.images[i]['file_name']) for i in rows]
    if use.loader is None:
        return []
    missing = set(missing_files(paths))
    for finding in missing_pictures(paths, use.path) if missing else ():
        odd = use.loader.ignore_empty or not use.known_filter
        yield Odd(finding) if odd else finding
    images = {p: int(i) for p, i in zip(paths, rows, strict=True) if p not in missing}
    yield from _size_findings(file, images, level)
    return list(images)


def _size_findings(file: Annotations, images: dict[str, int], level: str) -> Iterator[str]:
    """Find pictures (by path, with their number) that are not loaded as large as is said.

    That is certainly wrong where the EXIF orientation turns the picture, where boxes end outside
    the picture, and where mmdet leaves out a box for the size that is said.
    """
    certain: list[str] = []
    odd: list[str] = []
    looked, why = 0, ''
    for found in loaded_sizes(file.use.loader, list(images), level, file.use.path):
        if isinstance(found, str):
            yield found
            continue
        path, (height, width) = found
        looked += 1
        size = file.size[images[path]]
        if tuple(size) == (width, height):
            continue
        boxes = file.box[file.chosen & (file.image == images[path])]
        exif = orientation(path) if tuple(size) == (height, width) else 1
        wrong = exif >= 5 or past(boxes, np.array([width, height])).any()
        wrong = wrong or (boxes[:, :2] >= size).any()
        said = f'{path}, id {file.images[images[path]]["id"]!r}, {size[0]:g}x{size[1]:g}'
        (certain if wrong else odd).append(f'{said} in the file and {width}x{height} as loaded')
        if exif >= 5:
            why = (
                '; the EXIF orientation swaps the sides, so for boxes on pictures as stored '
                "load them with LoadImageFromFile(color_type='color_ignore_orientation')"
            )
    for kind, texts in ((str, certain), (Odd, odd)):
        if texts:
            yield kind(
                f'{len(texts)} of the {looked} pictures of {file.use.path} that were looked at '
                f'are not as large as their width and height say ({shortened(texts, 1)}): '
                f'correct the file or the pictures{why if kind is str else ""}'
            )
