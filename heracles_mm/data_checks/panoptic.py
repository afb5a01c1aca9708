"""COCO's panoptic annotations: segments in a JSON file, and maps whose colours are their ids."""

import os
from collections.abc import Generator, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from heracles_mm.data_checks.coco import Contents, instance_findings
from heracles_mm.data_checks.coco_annotations import Use
from heracles_mm.data_checks.coco_form import ID, read_annotations
from heracles_mm.data_checks.findings import Odd, missing_files, read_each, sampled, shortened
from heracles_mm.panoptic_quality import rgb2id


class _Map(NamedTuple):
    """What is read of a map."""

    size: tuple[int, int] | None  # width, height; None where it cannot be read
    mode: str
    ids: frozenset[int]


def panoptic_findings(
    use: Use, thing_classes: Sequence[str], folder: str | None, level: str, read: dict[str, Any]
) -> Generator[str, None, Contents]:
    """Find what is wrong with panoptic annotations and their maps, and return what they hold.

    mmdet's heads take the first labels for things; where the categories stand otherwise, or a map
    was saved in other colours, they learn nothing that is right without a word.

    Args:
        use: ``form`` is 'panoptic'; ``things`` is set here.
        thing_classes: the data set's.
        folder: of the maps, or None where they are not loaded.
        read: as for ``coco_findings``.
    """
    content = yield from read_annotations(use.path, read, 'panoptic')
    if content is None:
        return Contents()
    for finding in _segment_findings(use, content):
        yield finding
        return Contents()
    yield from _thing_findings(use, content['categories'], thing_classes)
    flat = {**content, 'annotations': list(_flat(content))}
    contents = yield from instance_findings(use._replace(things=len(thing_classes)), flat, level)
    if folder is not None:
        yield from _map_findings(use, content, folder, level)
    return contents


def _segment_findings(use: Use, content: dict) -> Iterator[str]:
    """Find what mmdet fails on."""
    known = {one['id'] for one in content['categories'] if one['name'] in set(use.classes)}
    for one in content.get('annotations') or []:
        for segment in one['segments_info']:
            where = f'{use.path} has a segment of the picture with id {one["image_id"]!r}'
            if not isinstance(segment, dict) or not isinstance(segment.get('id'), int):
                yield f'{where} without an id that is a whole number: {str(segment)[:80]}'
            elif 'category_id' not in segment or not isinstance(segment['category_id'], ID):
                yield f'{where} without a category_id: {str(segment)[:80]}'
            elif segment['category_id'] not in known:
                yield (
                    f'{where} of the category {segment["category_id"]!r}, which is none of the '
                    f'{len(use.classes)} classes: name all with metainfo=dict(classes=(...), '
                    'thing_classes=(...), stuff_classes=(...)) of each data set'
                )
            else:
                continue
            return


def _thing_findings(use: Use, categories: list[dict], things: Sequence[str]) -> Iterator[str]:
    used = [one for one in categories if one['name'] in set(use.classes)]
    found = [one['name'] for one in used if one['isthing']]
    if used != sorted(used, key=lambda one: not one['isthing']):
        first = next(one['name'] for one in used if not one['isthing'])
        yield (
            f'{use.path} lists stuff ({first}) before things ({found[-1]}), and the heads of mmdet '
            'take the first labels for the things: list all things first in categories, and in '
            'metainfo.classes'
        )
    elif found != list(things):
        yield (
            f'{use.path} has {len(found)} categories of things among the classes '
            f'({shortened(found)}) and thing_classes names {len(things)} ({shortened(things)}): '
            'name these with metainfo=dict(classes=(...), thing_classes=(...), '
            'stuff_classes=(...)), in the order of the file'
        )


def _flat(content: dict) -> Iterator[dict]:
    """Each segment as an annotation."""
    for one in content.get('annotations') or []:
        for segment in one['segments_info']:
            picture = one['image_id']
            yield {**segment, 'id': f'{segment["id"]} of {picture!r}', 'image_id': picture}


def _map_findings(use: Use, content: dict, folder: str, level: str) -> Iterator[str]:
    """Find maps that are missing, of another size, or whose colours are not the ids."""
    segments = {
        one['image_id']: {segment['id'] for segment in one['segments_info']}
        for one in content.get('annotations') or []
        if one['segments_info']
    }
    images = [image for image in content['images'] if image['id'] in segments]
    paths = [os.path.join(folder, i['file_name'].replace('.jpg', '.png')) for i in images]
    if missing := missing_files(paths):
        yield (
            f'{len(missing)} of the {len(paths)} panoptic maps of {use.path} are missing '
            f'({shortened(missing)}): copy the rest of the data, or set data_prefix.seg'
        )
        return
    looked = sampled(list(zip(paths, images, strict=True)), level)
    read = [(*one, found) for one, found in read_each(lambda one: _read(one[0]), looked, 'maps')]
    if bad := [path for path, _, found in read if found.size is None]:
        yield (
            f'{len(bad)} of the {len(read)} panoptic maps that were looked at cannot be read '
            f'({shortened(bad)}): copy them again'
        )
        return
    other = [(p, f.size) for p, i, f in read if f.size and f.size != (i['width'], i['height'])]
    if other:
        path, (width, height) = other[0]
        yield (
            f'{len(other)} of the {len(read)} panoptic maps that were looked at are of another '
            f'size than {use.path} says ({path}, {width}x{height}): make them at '
            'the size of the pictures'
        )
        return
    lost = [(p, segments[i['id']] - f.ids, f.mode) for p, i, f in read]
    if all(gone == segments[i['id']] for (_, gone, _), (_, i, _) in zip(lost, read, strict=True)):
        path, _, mode = lost[0]
        yield (
            f'no segment of {use.path} is in its map, of the {len(read)} that were looked at (the '
            f'first is {path}, of mode {mode}): a colour must be the id of its segment, R + 256 G '
            '+ 65536 B, so save the maps as RGB in that code, and set data_prefix.seg to them'
        )
    elif some := [path for path, gone, _ in lost if gone]:
        yield Odd(
            f'{len(some)} of the {len(read)} panoptic maps that were looked at lack segments of '
            f'{use.path} ({shortened(some)}): mmdet trains on empty masks there'
        )
    if extra := [p for p, i, f in read if f.ids - segments[i['id']] - {0}]:
        yield Odd(
            f'{len(extra)} of the {len(read)} panoptic maps that were looked at have colours that '
            f'are no segment of {use.path} ({shortened(extra)}): nothing is learnt there'
        )


def _read(path: str) -> _Map:
    from PIL import Image  # brought by mmcv

    try:
        with Image.open(path) as image:
            ids = np.unique(rgb2id(image.convert('RGB')))
            return _Map(image.size, image.mode, frozenset(ids.tolist()))
    except Exception:  # whatever a decoder raises
        return _Map(None, '', frozenset())
