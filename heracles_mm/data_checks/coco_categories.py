"""The lists of a file in COCO's form: ids of pictures and annotations, categories and classes."""

from collections import Counter
from collections.abc import Iterator, Sized
from typing import Any

import numpy as np

from heracles_mm.data_checks.coco_annotations import Annotations
from heracles_mm.data_checks.findings import Odd, shortened


def id_findings(file: Annotations) -> Iterator[str]:
    """Find ids and pictures that come twice, and references to what is not listed."""
    path = file.use.path
    if doubled := _doubled(image['id'] for image in file.images):
        ids = {image['id']: image['file_name'] for image in reversed(file.images)}
        several = [image for image in file.images if image['id'] in doubled]
        same = len({(image['id'], image['file_name']) for image in several}) == len(doubled)
        text = (
            f'{len(several)} of the {len(file.images)} pictures of {path} share '
            f'{_count(doubled, "id")} ({several[0]["id"]!r} is of {ids[several[0]["id"]]} '
            'and others), and mmdet keeps one picture of an id: give each its own'
        )
        yield Odd(text) if same else text
    inside = [one['id'] for one, i in zip(file.annotations, file.image, strict=True) if i >= 0]
    if doubled := _doubled(inside):
        yield (
            f'{sum(doubled.values())} of the {len(file.annotations)} annotations of {path} '
            f'share {_count(doubled, "id")} ({shortened(map(repr, doubled))}): number them '
            'anew, each with an id of its own over the whole file'
        )
    if doubled := _doubled(image['file_name'] for image in file.images):
        yield Odd(
            f'{len(doubled)} pictures are named several times by {path} '
            f'({shortened(doubled)}): each entry trains with its own boxes only'
        )
    known = {category['id'] for category in file.categories}
    foreign = file.column(lambda one: one['category_id'] not in known, bool)
    for key, mask in (('category_id', foreign), ('image_id', file.image < 0)):
        if mask.any():
            value = file.annotations[int(mask.argmax())][key]
            yield Odd(
                f'{file.first(mask)} have a {key} that the file does not list '
                f'({value!r}): mmdet leaves them out'
            )


def category_findings(file: Annotations) -> Iterator[str]:
    """Find categories that come twice, and classes that are none or stand in another order."""
    path, classes = file.use.path, list(file.use.classes)
    order = [category['name'] for category in file.of_classes]
    annotated = set(np.unique(file.label[file.image >= 0]).tolist())
    for key in ('name', 'id'):
        doubled = _doubled(category[key] for category in file.of_classes)
        for value in doubled:
            several = [(i, c) for i, c in enumerate(file.of_classes) if c[key] == value]
            empty = [c['id'] for i, c in several if i not in annotated]
            cure = 'give each its own'
            if key == 'name' and 0 < len(empty) < len(several):
                cure = (
                    f'take category {shortened(empty)}, which has no annotation (Roboflow '
                    'writes the name of the group as category 0), out of the file'
                )
            yield (
                f'{len(several)} categories of {path} have the {key} {value!r} ('
                + shortened(f'id {c["id"]}, name {c["name"]}' for _, c in several)
                + f'), and mmdet makes a class of each: {cure}'
            )
    wrong = [i for i, name in enumerate(order) if i >= len(classes) or classes[i] != name]
    if file.use.form == 'lvis':
        yield from _lvis_category_findings(file, order, len(wrong))
        return
    certain = not annotated.isdisjoint(wrong)
    if not file.use.train and file.use.by_metric:
        certain = order != classes
    if absent := [name for name in classes if name not in order]:
        names = [category['name'] for category in file.categories]
        text = (
            f'{len(absent)} of the {len(classes)} classes are no category of {path} '
            f'({shortened(absent)}), which has {len(names)} ({shortened(names)}): name its own '
            'with metainfo=dict(classes=(...)) in each data set, and give the heads their '
            'number as num_classes'
        )
        if certain:
            yield text
        elif order and file.annotations:
            yield Odd(text)
        elif file.annotations:  # of background, or all that there is
            file.unused = text
            yield Odd(text)
    elif certain:
        yield (
            f'the classes stand in another order than the categories of {path}, and mmdet '
            f"would give them each other's names: write metainfo=dict(classes={tuple(order)})"
        )


def _lvis_category_findings(file: Annotations, order: list[str], wrong: int) -> Iterator[str]:
    path, classes = file.use.path, file.use.classes
    if len(order) != len(classes):
        yield (
            f'{path} has {len(order)} categories and the data set {len(classes)} classes '
            f'({shortened(classes)}), and mmdet numbers the labels of LVIS by all categories: '
            'name them all, or take CocoDataset for some of them or for data of your own'
        )
    elif wrong:
        yield Odd(
            f'{wrong} of the {len(classes)} classes are other names than those of the '
            f'categories of {path} ({shortened(order)}), by which the labels are numbered'
        )


def label_findings(file: Annotations, kept: np.ndarray, trained: np.ndarray) -> Iterator[str]:
    """Find labels that a head has no output for, and classes without an instance."""
    least, count = file.use.least, len(file.of_classes)
    if least is not None and file.use.train and (file.label[kept] >= least.number).any():
        last = file.of_classes[int(file.label[kept].max())]['name']
        yield (
            f'{file.first(kept & (file.label >= least.number))} are of classes such as '
            f'{last!r}, and {least.option} is {least.number}: give every head '
            f'{len(file.use.classes)} classes'
        )
    if file.use.train and kept.any():
        present = np.bincount(file.label[trained], minlength=count)
        if empty := [c['name'] for c, n in zip(file.of_classes, present, strict=True) if not n]:
            yield Odd(
                f'{len(empty)} of the {len(file.use.classes)} classes have no instance in '
                f'{file.use.path} ({shortened(empty)}): the model will not learn them from it'
            )


def _count(things: Sized, name: str) -> str:
    return f'{len(things)} {name}' + ('s' if len(things) > 1 else '')


def _doubled(values: Any) -> dict[Any, int]:
    """Those of ``values`` that come several times, with their number."""
    values = list(values)
    if len(set(values)) == len(values):
        return {}
    return {value: number for value, number in Counter(values).items() if number > 1}
