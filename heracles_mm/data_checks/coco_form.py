"""The form of an annotation file: what COCO's and those like it must hold, before anything looks at
its content."""

import json
import os
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from heracles_mm.data_checks.findings import shortened

NUMBER, ID = (int, float), (int, float, str, type(None))
PICTURE = {'id': ID, 'file_name': str, 'width': NUMBER, 'height': NUMBER}
CATEGORY = {'id': ID, 'name': ID}
ANNOTATION = {'id': ID, 'image_id': ID, 'category_id': ID}
NEEDED: dict[str, dict[str, dict[str, Any]]] = {
    'coco': {'images': PICTURE, 'categories': CATEGORY, 'annotations': ANNOTATION},
    'lvis': {
        'images': {'id': ID, 'coco_url': str, 'width': NUMBER, 'height': NUMBER},
        'categories': CATEGORY,
        'annotations': ANNOTATION,
    },
    'panoptic': {
        'images': PICTURE,
        'categories': {**CATEGORY, 'isthing': NUMBER},
        'annotations': {'image_id': ID, 'segments_info': list},
    },
}
"""What each entry of these lists must have, by the form of the file."""

NAMES = {'coco': "COCO's instances", 'lvis': "LVIS v1's", 'panoptic': "COCO's panoptic ones"}
COCO_PICTURES = 'http://images.cocodataset.org/'
"""LVIS names a picture by its address, which mmdet cuts to the folder and name."""


def read_annotations(
    path: str, read: dict[str, Any], form: str = 'coco'
) -> Generator[str, None, dict | None]:
    """Return the content of an annotation file, or find why it is of no use and return None.

    ``read`` keeps the content of the last file for a data set that names it again; ``form`` is
    a key of NEEDED. LVIS' pictures get a ``file_name``.
    """
    try:
        if path not in read:
            read.clear()  # files are large
            with open(path, encoding='utf-8') as file:
                read[path] = json.load(file)
    except OSError as error:
        yield f'the annotation file {path} cannot be read: {error.strerror}'
        return None
    except ValueError as error:
        broken = 'is empty' if os.path.getsize(path) == 0 else f'is not whole JSON ({error})'
        if isinstance(error, UnicodeDecodeError):
            broken = f'is no text in UTF-8 ({error.reason} at byte {error.start})'
        yield f'the annotation file {path} {broken}: copy or make it again'
        return None
    for finding in _form_findings(path, read[path], form):
        yield finding
        return None
    if form == 'lvis':
        for image in read[path]['images']:
            image['file_name'] = image['coco_url'].replace(COCO_PICTURES, '')
    return read[path]


def lvis_metric_findings(path: str, content: dict) -> Iterator[str]:
    """Find what LVISMetric reads in a file and would miss after a whole evaluation."""
    for key, names in (
        ('images', ('neg_category_ids', 'not_exhaustive_category_ids')),
        ('categories', ('frequency',)),
    ):
        if lacking := [n for n in names if any(n not in entry for entry in content[key])]:
            yield (
                f'{path} has {key} without {" and ".join(lacking)}, by which LVISMetric evaluates: '
                "take LVIS' own file, or CocoDataset and CocoMetric for data of your own"
            )
            return


def evaluator_findings(ann_file: str, names: Mapping[Any, str]) -> Iterator[str]:
    """Find pictures that are evaluated and that the file of an evaluator does not have.

    ``names`` are the file names of the pictures by their id.
    """
    try:
        with open(ann_file, encoding='utf-8') as file:
            listed = {image['id']: str(image['file_name']) for image in json.load(file)['images']}
    except (OSError, ValueError, KeyError, TypeError):  # the evaluator says what is wrong
        return
    base = os.path.basename
    for fault, others in (
        ('does not list', [i for i in names if i not in listed]),
        ('gives another name to', [i for i in names if base(listed.get(i, '')) != base(names[i])]),
    ):
        if others:
            yield (
                f'the evaluator reads {ann_file}, which {fault} {len(others)} of the {len(names)} '
                f'pictures that are evaluated (the first is {names[others[0]]}, id {others[0]!r}): '
                "give its ann_file and the data set's the same file"
            )
            return


def _form_findings(path: str, content: Any, form: str) -> Iterator[str]:
    lists = content if isinstance(content, dict) else {}
    lists = {'annotations': [], **lists}  # without them, every picture is one of background
    if lacking := [key for key in NEEDED[form] if not isinstance(lists.get(key), list)]:
        yield (
            f'the annotation file {path} has no list of {" and of ".join(lacking)}: it must be '
            f'{NAMES[form]}, a dict of the lists images, annotations and categories'
        )
        return
    for key, fields in NEEDED[form].items():
        names = fields.keys()
        for entry in lists[key]:
            whole = isinstance(entry, dict) and names <= entry.keys()
            if whole and all(isinstance(entry[name], kind) for name, kind in fields.items()):
                continue
            has = entry if isinstance(entry, dict) else {}
            bad = [n for n in names if n not in has or not isinstance(has[n], fields[n])]
            yield (
                f'the annotation file {path}, which must be {NAMES[form]}, has an entry of {key} '
                f'without a sound {shortened(bad)}: {str(entry)[:80]}'
            )
            return
    if not lists['images']:
        yield f'the annotation file {path} names no pictures: choose another or make it again'
