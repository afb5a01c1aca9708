"""The form of an annotation file: what COCO's must hold, before anything looks at its content."""

import json
import os
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from heracles_mm.data_checks.findings import shortened

NUMBER, ID = (int, float), (int, float, str, type(None))
NEEDED: dict[str, dict[str, Any]] = {
    'images': {'id': ID, 'file_name': str, 'width': NUMBER, 'height': NUMBER},
    'categories': {'id': ID, 'name': ID},
    'annotations': {'id': ID, 'image_id': ID, 'category_id': ID},
}
"""What each entry of these lists must have."""


def read_coco(path: str, read: dict[str, Any]) -> Generator[str, None, dict | None]:
    """Return the content of an annotation file, or find why it is of no use and return None.

    ``read`` keeps the content of the last file for a data set that names it again.
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
    for finding in _form_findings(path, read[path]):
        yield finding
        return None
    return read[path]


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


def _form_findings(path: str, content: Any) -> Iterator[str]:
    lists = content if isinstance(content, dict) else {}
    lists = {'annotations': [], **lists}  # without them, every picture is one of background
    if lacking := [key for key in NEEDED if not isinstance(lists.get(key), list)]:
        yield (
            f'the annotation file {path} has no list of {" and of ".join(lacking)}: it must be '
            "COCO's instances, a dict of the lists images, annotations and categories"
        )
        return
    for key, fields in NEEDED.items():
        names = fields.keys()
        for entry in lists[key]:
            whole = isinstance(entry, dict) and names <= entry.keys()
            if whole and all(isinstance(entry[name], kind) for name, kind in fields.items()):
                continue
            has = entry if isinstance(entry, dict) else {}
            bad = [n for n in names if n not in has or not isinstance(has[n], fields[n])]
            yield (
                f'the annotation file {path} has an entry of {key} without a sound '
                f'{shortened(bad)}: {str(entry)[:80]}'
            )
            return
    if not lists['images']:
        yield f'the annotation file {path} names no pictures: choose another or make it again'
