"""Annotations in Pascal VOC's form, one XML file for each picture, put into COCO's."""

import os
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Generator, Mapping
from typing import Any, NamedTuple

from heracles_mm.data_checks.findings import (
    Odd,
    missing_files,
    missing_pictures,
    read_each,
    shortened,
)

CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')


class _Picture(NamedTuple):
    """What an XML file says; ``wrong`` is why mmdet would fail on it, or ''."""

    size: tuple[int, int] | None = None  # width, height
    objects: tuple[tuple[str, bool, list[int]], ...] = ()  # name, difficult, corners from 1
    wrong: str = ''


def voc_content(dataset: Any, evaluated: bool) -> Generator[str, None, dict | None]:
    """Return the annotations of mmdet's XMLDataset in COCO's form, or find why it is of no use.

    mmdet leaves out objects whose name is no class without a word, so that another spelling trains
    on nothing, and fails on broken files without their name. Objects that it ignores (difficult,
    smaller than ``filter_cfg.bbox_min_size``) are marked ``ignore``.

    Args:
        dataset: not initialised.
        evaluated: whether predictions are measured on it.
    """
    path, root = dataset.ann_file, dataset.sub_data_root
    try:
        with open(path, encoding='utf-8') as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        yield f'the list {path} cannot be read: {error}'
        return None
    names = {
        line: os.path.join(root, dataset.ann_subdir, f'{line}.xml') for line in dict.fromkeys(lines)
    }
    if not names or '' in names:
        yield f'the list {path} has {"no line" if not names else "an empty line"}: make it again'
        return None
    if len(names) < len(lines):
        yield Odd(f'{len(lines) - len(names)} of the {len(lines)} lines of {path} come again')
    if missing := missing_files(names.values()):
        yield (
            f'{len(missing)} of the {len(names)} pictures that {path} names have no annotations '
            f'({shortened(missing)}): copy the rest of the data, or set data_prefix.sub_data_root'
        )
        return None
    classes = dict.fromkeys(dataset.metainfo['classes'])
    files = list(names.values())
    each = read_each(lambda file: _read(file, classes), files, 'annotations')
    read = dict(zip(names, (found for _, found in each), strict=True))
    if bad := [(names[name], one.wrong) for name, one in read.items() if one.wrong]:
        yield (
            f'{len(bad)} of the {len(read)} annotation files of {path} are broken (the first is '
            f'{bad[0][0]}, which {bad[0][1]}): correct them or take them out of the list'
        )
        return None
    found = Counter(name for one in read.values() for name, _, _ in one.objects)
    foreign = Counter({name: count for name, count in found.items() if name not in classes})
    content = yield from _content(dataset, read, [*classes, *foreign])
    if content is not None and foreign:
        text = _foreign_text(path, found, foreign, classes)
        yield text if evaluated and foreign == found else Odd(text)
        content['unused'] = text if foreign == found else ''
    return content


def _read(path: str, classes: Mapping[str, Any]) -> _Picture:
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError) as error:
        return _Picture(wrong=f'is no whole XML ({error})')
    size = root.find('size')
    try:
        sides = None if size is None else (int(_text(size, 'width')), int(_text(size, 'height')))
    except ValueError:
        return _Picture(wrong='has a size without whole numbers of width and height')
    objects = []
    for one in root.findall('object'):
        name = one.findtext('name')
        if name is None:
            return _Picture(wrong='has an object without a name')
        try:
            difficult = bool(int(one.findtext('difficult') or 0))
            corners = [int(float(_text(one, f'bndbox/{key}'))) for key in CORNERS]
        except (ValueError, OverflowError):
            if name in classes:
                return _Picture(wrong=f'has an object {name!r} without a bndbox of four numbers')
            difficult, corners = True, [1, 1, 2, 2]  # mmdet does not look at it
        objects.append((name, difficult, corners))
    return _Picture(sides, tuple(objects))


def _text(element: ET.Element, path: str) -> str:
    return element.findtext(path) or ''


def _foreign_text(
    path: str, found: Counter[str], foreign: Counter[str], classes: Mapping[str, Any]
) -> str:
    near = {_plain(name): name for name in classes}
    spelt = next(((name, near[_plain(name)]) for name in foreign if _plain(name) in near), None)
    hint = f', as {spelt[0]!r}, which the classes have as {spelt[1]!r}' if spelt else ''
    common = [name for name, _ in foreign.most_common()]
    return (
        f'{foreign.total()} of the {found.total()} objects that {path} names are of none of '
        f'the {len(classes)} classes ({shortened(common)}{hint}): mmdet leaves them out; name all '
        'with metainfo=dict(classes=(...)) of each data set, as they are spelt in the files'
    )


def _plain(name: str) -> str:
    return ''.join(filter(str.isalnum, name)).casefold()


def _content(
    dataset: Any, read: dict[str, _Picture], categories: list[str]
) -> Generator[str, None, dict | None]:
    files = {
        name: os.path.join(dataset.sub_data_root, dataset.img_subdir, f'{name}.jpg')
        for name in read
    }
    unsized = [files[name] for name, one in read.items() if one.size is None]
    if missing_files(unsized):  # mmdet reads the sides of these pictures from them
        yield from missing_pictures(unsized, dataset.ann_file)
        return None
    try:
        sizes = {name: one.size or _sides(files[name]) for name, one in read.items()}
    except OSError as error:  # Pillow's own are such
        yield f'a picture that {dataset.ann_file} names cannot be read: {error}'
        return None
    smallest = dataset.bbox_min_size or 0
    number = {name: i for i, name in enumerate(categories)}
    images, annotations = [], []
    for name, one in read.items():
        width, height = sizes[name]
        images.append(dict(id=name, file_name=files[name], width=width, height=height))
        for i, (label, difficult, (x1, y1, x2, y2)) in enumerate(one.objects):
            sides = x2 - x1, y2 - y1
            annotations.append(
                dict(
                    id=f'{name}.xml, object {i + 1}',
                    image_id=name,
                    category_id=number[label],
                    bbox=[x1 - 1, y1 - 1, *sides],
                    area=1,  # mmdet asks for none
                    ignore=difficult or min(sides) < smallest,
                )
            )
    named = [dict(id=i, name=name) for name, i in number.items()]
    return dict(images=images, annotations=annotations, categories=named)


def _sides(path: str) -> tuple[int, int]:
    from PIL import Image  # brought by mmcv

    with Image.open(path) as picture:
        return picture.size
