"""The boxes of a file in COCO's form, and which of them mmdet trains on."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from heracles_mm.data_checks.coco_annotations import Annotations
from heracles_mm.data_checks.findings import Odd

WITHOUT = {
    'thin': 'a width or height below 1 px',
    'outside': 'a box outside the picture',
    'empty': 'an area of zero',
    'crowd': 'iscrowd',
    'maskless': 'no polygon of three points or more',
    'ignored': 'ignore',
    'foreign': 'a category or picture that is not used',
}
"""Why mmdet leaves an annotation out."""

LEAVES_OUT = {
    'coco': ('thin', 'outside', 'empty'),
    'lvis': ('thin', 'outside', 'empty'),
    'panoptic': ('thin', 'empty'),
    'voc': (),
}
"""Which odd boxes mmdet's data set of a form does not train on."""


def box_fault(file: Annotations) -> str:
    """Fill the columns of boxes and areas; what mmdet would fail on in them, '' where nothing."""
    for key, needs in (
        ('bbox', 'a bbox of four numbers (x, y, width, height, in pixels)'),
        ('area', 'an area that is a number'),
    ):
        rows = np.flatnonzero(file.live if key == 'bbox' else file.live & file.inside())
        values = [file.annotations[i].get(key) for i in rows]
        try:
            column = np.array(values)
        except ValueError:  # of several lengths
            column = np.empty(0)
        shape = (len(rows), 4) if key == 'bbox' else (len(rows),)
        if len(rows) and (column.shape != shape or column.dtype.kind not in 'iuf'):
            sound = [_numbers(value, shape[1:]) for value in values]
        elif len(rows) and key == 'bbox':
            sound = np.isfinite(column).all(axis=1)
        else:
            sound = []
        if not np.all(sound):
            bad = np.zeros(len(file.annotations), bool)
            bad[rows[~np.array(sound)]] = True
            value = file.annotations[int(bad.argmax())].get(key)
            return f'{file.first(bad)} need {needs}, and the first has {value!r}'
        if len(rows):
            (file.box if key == 'bbox' else file.area)[rows] = column
    return ''


def kept_by_mmdet(file: Annotations) -> np.ndarray:
    """The annotations that mmdet makes instances of."""
    w, h = file.box[:, 2:].T
    kept = file.chosen
    file.left_out['ignored'] = int(file.ignored.sum())
    file.left_out['foreign'] = int((~file.ignored & ~file.chosen).sum())
    for why, mask in (
        ('thin', (w < 1) | (h < 1)),
        ('outside', ~file.inside()),
        ('empty', file.area <= 0),
    ):
        if not (bad := kept & mask).any():
            continue
        file.odd[why] = int(bad.sum())
        if why in LEAVES_OUT[file.use.form]:
            file.left_out[why] = file.odd[why]
            kept = kept & ~mask
    file.left_out['crowd'] = int((kept & file.crowd).sum())
    return kept


def box_findings(file: Annotations) -> Iterator[str]:
    """Find odd boxes, those that end outside their picture, and corners in place of sizes."""
    boxes, sizes = file.box[file.chosen], file.size[file.image[file.chosen]]
    for why, count in file.odd.items():
        hint, then = '', 'leaves them out' if why in file.left_out else 'trains on them'
        if why == 'thin' and np.abs(boxes).max() <= 1:
            hint = ', since all numbers are fractions of the picture (YOLO) and no pixels'
        text = (
            f'{count} of the {len(file.label)} annotations of {file.use.path} have '
            f'{WITHOUT[why]}{hint}: mmdet {then}'
        )
        yield text if then == 'trains on them' and count == len(boxes) else Odd(text)
    beyond, area, ends = past(boxes, sizes), file.area[file.chosen], boxes[:, 2:]
    of_corners = np.isclose(area, np.prod(ends - boxes[:, :2], axis=1), rtol=0.01)
    of_corners &= ~np.isclose(area, np.prod(ends, axis=1), rtol=0.01)
    corners = (ends > boxes[:, :2]).all() and (ends <= sizes + 1).all()
    corners &= of_corners.all() or beyond.sum() >= max(3, 0.2 * len(beyond))
    corners &= file.use.form != 'voc'  # whose boxes were corners
    if not len(boxes) or not (corners or beyond.any()):
        return
    bad = np.zeros(len(file.label), bool)
    bad[np.flatnonzero(file.chosen)[beyond if beyond.any() else of_corners]] = True
    first = file.annotations[int(bad.argmax())]['bbox']
    if corners:
        yield (
            f'{file.first(bad)} have a bbox that ends outside its picture or is not of its '
            'area as (x, y, width, height), and every bbox of the file fits as (x1, y1, x2, '
            f'y2), such as {first}: write (x1, y1, x2 - x1, y2 - y1)'
        )
    else:
        yield Odd(
            f'{file.first(bad)} have a bbox (x, y, width, height) that ends outside its '
            f'picture, such as {first}: correct them, or the sizes of the pictures'
        )


def past(boxes: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Which of ``boxes`` (N, 4) end outside of ``size`` by more than 2 px and a hundredth."""
    slack = np.maximum(2, 0.01 * size)
    return ((boxes[:, :2] + boxes[:, 2:] > size + slack) | (boxes[:, :2] < -slack)).any(axis=1)


def _numbers(value: Any, shape: tuple[int, ...]) -> bool:
    try:
        array = np.array(value)
    except ValueError:  # lists of several lengths
        return False
    return array.shape == shape and array.dtype.kind in 'iuf' and bool(np.isfinite(array).all())
