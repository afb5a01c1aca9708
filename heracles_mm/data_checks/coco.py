"""What is wrong with an annotation file in COCO's form, before mmdet trips over it or is silent."""

import json
import os
from collections.abc import Sequence
from typing import Any

from heracles_mm.data_checks.listing import missing_pictures, shortened


def coco_fault(path: str, classes: Sequence[str], folder: str, needs_truth: bool) -> str | None:
    """Return one sentence about the first fault of an annotation file, or None.

    mmdet's CocoDataset would leave annotations of unknown categories and pictures out without a
    word, give classes that stand in another order than the file's categories each other's names,
    and fail deep inside numpy where nothing is left. The file is read once more for it.

    Args:
        path: the annotation file.
        classes: names of the data set's classes.
        folder: where the pictures are.
        needs_truth: whether pictures without any annotation are of no use, as in training.
    """
    try:
        with open(path, encoding='utf-8') as file:
            content = json.load(file)
    except (ValueError, OSError) as error:
        broken = 'is empty' if os.path.getsize(path) == 0 else f'is not whole JSON ({error})'
        return f'the annotation file {path} {broken}: copy or make it again'
    return (
        _form_fault(path, content, needs_truth)
        or _category_fault(path, content, classes)
        or _annotation_fault(path, content, classes, needs_truth)
        or missing_pictures(folder, (image['file_name'] for image in content['images']), path)
    )


def _form_fault(path: str, content: Any, needs_truth: bool) -> str | None:
    needed = ['images', 'categories', *(['annotations'] if needs_truth else [])]
    lists = content if isinstance(content, dict) else {}
    lacking = [key for key in needed if not isinstance(lists.get(key), list)]
    if lacking:
        return (
            f'the annotation file {path} has no list of {" and of ".join(lacking)}: it must be '
            "COCO's instances, a dict of the lists images, annotations and categories"
        )
    for key, fields in {
        'images': {'id', 'file_name', 'width', 'height'},
        'categories': {'id', 'name'},
    }.items():
        for entry in lists[key]:
            absent = fields - set(entry)
            if absent:
                return (
                    f'the annotation file {path} has an entry of {key} without '
                    f'{shortened(sorted(absent))}: {str(entry)[:80]}'
                )
    if not lists['images']:
        return f'the annotation file {path} names no pictures: choose another or make it again'
    return None


def _category_fault(path: str, content: dict, classes: Sequence[str]) -> str | None:
    names = [category['name'] for category in content['categories']]
    absent = [name for name in classes if name not in names]
    if absent:
        return (
            f'{len(absent)} of the {len(classes)} classes are no category of {path} '
            f'({shortened(absent)}), which has {len(names)} ({shortened(names)}): name its own '
            'with metainfo=dict(classes=(...)) in each data set, and give the heads their '
            'number as num_classes'
        )
    order = [name for name in names if name in set(classes)]
    if order != list(classes):
        return (
            f'the classes stand in another order than the categories of {path}, and mmdet would '
            f"give them each other's names: write metainfo=dict(classes={tuple(order)})"
        )
    return None


def _annotation_fault(
    path: str, content: dict, classes: Sequence[str], needs_truth: bool
) -> str | None:
    names = {category['id']: category['name'] for category in content['categories']}
    images = {image['id'] for image in content['images']}
    annotations = content.get('annotations') or []
    for key, known, kind in (
        ('category_id', names, 'categories'),
        ('image_id', images, 'images'),
    ):
        foreign = [entry for entry in annotations if entry.get(key) not in known]
        if foreign:
            return (
                f'{len(foreign)} of the {len(annotations)} annotations of {path} have a {key} that '
                f'is none of its {kind} ({key} {foreign[0].get(key)!r} of annotation '
                f'{foreign[0].get("id")!r} is the first): correct the annotations, or add the '
                f'{kind}'
            )
    for entry in annotations:
        box = entry.get('bbox')
        if not isinstance(box, list) or len(box) != 4 or 'area' not in entry:
            return (
                f'annotation {entry.get("id")!r} of {path} needs a bbox of four numbers (x, y, '
                f'width, height, in pixels) and an area, and has bbox {box!r}'
            )
    if needs_truth and not any(names[entry['category_id']] in classes for entry in annotations):
        return (
            f'none of the {len(annotations)} annotations of {path} is of the {len(classes)} '
            f'classes ({shortened(list(classes))}): choose the file or the classes anew'
        )
    return None
