"""An annotation file in COCO's form, before mmdet fails on it or passes over what is wrong."""

import os
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence, Sized
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from heracles_mm.data_checks.coco_form import read_annotations
from heracles_mm.data_checks.findings import Odd, missing_files, missing_pictures, shortened
from heracles_mm.data_checks.heads import ClassCount
from heracles_mm.data_checks.picture_files import loaded_sizes, orientation

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


class Use(NamedTuple):
    """What a run does with an annotation file.

    Args:
        path, folder: the file, and the folder of its pictures.
        classes: those of the data set, in its order.
        train: whether it is trained on; else every picture is evaluated.
        masks: the ``LoadAnnotations`` of the pipeline where it loads masks, else None.
        loader: the ``LoadImageFromFile`` of the pipeline, or None.
        least: the number of classes of that head of the model that has the fewest, or None.
        by_metric: whether CocoMetric (or LVISMetric) evaluates, by the file's categories.
        filter_cfg, indices, serialize_data: the data set's.
        known_filter: whether the data set filters as CocoDataset does.
        form: 'coco', or that of what was put into COCO's: 'lvis', 'panoptic' or 'voc'.
        things: so many first labels are things, of which a training picture needs one; or None.
    """

    path: str
    folder: str
    classes: Sequence[str]
    train: bool = True
    masks: Any = None
    loader: Any = None
    least: ClassCount | None = None
    by_metric: bool = False
    filter_cfg: dict | None = None
    indices: Any = None
    serialize_data: bool = True
    known_filter: bool = True
    form: str = 'coco'
    things: int | None = None


class Contents(NamedTuple):
    """What a data set holds: paths of pictures, and instances to train on with why others are not.

    ``instances`` is None where that is not known; ``names`` are those of pictures by their id.
    """

    pictures: Sequence[str] = ()
    instances: int | None = None
    left_out: str = ''
    names: Mapping[Any, str] = MappingProxyType({})


def coco_findings(use: Use, level: str, read: dict[str, Any]) -> Generator[str, None, Contents]:
    """Find what is wrong with an annotation file and its pictures, and return what they hold.

    mmdet's CocoDataset leaves annotations of unknown categories and pictures, without area or
    outside of the picture out without a word, gives classes that stand in another order than the
    file's categories each other's names, and fails on other faults without naming the annotation.
    ``read`` keeps the content of the last file for a data set that names it again.
    """
    content = yield from read_annotations(use.path, read, use.form)
    if content is None:
        return Contents()
    return (yield from instance_findings(use, content, level))


def instance_findings(use: Use, content: dict, level: str) -> Generator[str, None, Contents]:
    """The same of a content in COCO's form."""
    return (yield from _File(use, content).findings(level))


class _File:
    """The columns of an annotation file, and what is found in them.

    Masks over annotations (N): ``live`` is parsed by mmdet, ``chosen`` is of the classes too.
    """

    def __init__(self, use: Use, content: dict) -> None:
        self.use = use
        self.images, self.categories = content['images'], content['categories']
        self.annotations = annotations = content.get('annotations') or []
        # mmdet numbers the labels in the order of the file's categories; LVIS' are all of them
        known = set(use.classes)
        self.of_classes = [c for c in self.categories if use.form == 'lvis' or c['name'] in known]
        label_of = {category['id']: i for i, category in enumerate(self.of_classes)}
        index_of = {image['id']: i for i, image in enumerate(self.images)}
        self.label = self._column(lambda one: label_of.get(one['category_id'], -1), int)
        self.image = self._column(lambda one: index_of.get(one['image_id'], -1), int)
        self.ignored = self._column(lambda one: bool(one.get('ignore')), bool)
        self.crowd = self._column(lambda one: bool(one.get('iscrowd')), bool)
        self.live = (self.image >= 0) & ~self.ignored
        self.chosen = self.live & (self.label >= 0)
        self.size = np.array([[i['width'], i['height']] for i in self.images], float)  # (M, 2)
        self.box = np.zeros((len(annotations), 4))  # x, y, width, height
        self.area = np.ones(len(annotations))
        self.odd: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.unused = content.get('unused', '')  # why no annotation is of the classes

    def _column(self, read: Any, kind: type) -> np.ndarray:
        return np.fromiter(map(read, self.annotations), kind, len(self.annotations))

    def _first(self, mask: np.ndarray) -> str:
        """The count of annotations in ``mask``, and the first one's id."""
        first = self.annotations[int(mask.argmax())]
        return (
            f'{mask.sum()} of the {len(mask)} annotations of {self.use.path} (the first has id '
            f'{first["id"]!r}, in the picture with id {first["image_id"]!r})'
        )

    def findings(self, level: str) -> Generator[str, None, Contents]:
        """Yield every finding, the certain ones of each part first."""
        yield from self._id_findings()
        yield from self._category_findings()
        for finding in self._box_form_findings():
            yield finding
            return Contents()
        kept = self.kept = self._kept()
        yield from self._box_findings()
        trained = kept & ~self.crowd
        if self.use.masks is not None:
            trained &= yield from self._mask_findings(kept)
        yield from self._label_findings(kept, trained)
        pictures = yield from self._picture_findings(level)
        instances = int(trained.sum())
        why = ', '.join(f'{n} with {WITHOUT[why]}' for why, n in self.left_out.items() if n)
        left_out = f'{len(trained)} annotations in {self.use.path}{", " if why else ""}{why}'
        names = {image['id']: image['file_name'] for image in self.images}
        return Contents(pictures, instances, self.unused or left_out, names)

    def _id_findings(self) -> Iterator[str]:
        path = self.use.path
        if doubled := _doubled(image['id'] for image in self.images):
            ids = {image['id']: image['file_name'] for image in reversed(self.images)}
            several = [image for image in self.images if image['id'] in doubled]
            same = len({(image['id'], image['file_name']) for image in several}) == len(doubled)
            text = (
                f'{len(several)} of the {len(self.images)} pictures of {path} share '
                f'{_count(doubled, "id")} ({several[0]["id"]!r} is of {ids[several[0]["id"]]} '
                'and others), and mmdet keeps one picture of an id: give each its own'
            )
            yield Odd(text) if same else text
        inside = [one['id'] for one, i in zip(self.annotations, self.image, strict=True) if i >= 0]
        if doubled := _doubled(inside):
            yield (
                f'{sum(doubled.values())} of the {len(self.annotations)} annotations of {path} '
                f'share {_count(doubled, "id")} ({shortened(map(repr, doubled))}): number them '
                'anew, each with an id of its own over the whole file'
            )
        if doubled := _doubled(image['file_name'] for image in self.images):
            yield Odd(
                f'{len(doubled)} pictures are named several times by {path} '
                f'({shortened(doubled)}): each entry trains with its own boxes only'
            )
        known = {category['id'] for category in self.categories}
        foreign = self._column(lambda one: one['category_id'] not in known, bool)
        for key, mask in (('category_id', foreign), ('image_id', self.image < 0)):
            if mask.any():
                value = self.annotations[int(mask.argmax())][key]
                yield Odd(
                    f'{self._first(mask)} have a {key} that the file does not list '
                    f'({value!r}): mmdet leaves them out'
                )

    def _category_findings(self) -> Iterator[str]:
        path, classes = self.use.path, list(self.use.classes)
        order = [category['name'] for category in self.of_classes]
        annotated = set(np.unique(self.label[self.image >= 0]).tolist())
        for key in ('name', 'id'):
            doubled = _doubled(category[key] for category in self.of_classes)
            for value in doubled:
                several = [(i, c) for i, c in enumerate(self.of_classes) if c[key] == value]
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
        if self.use.form == 'lvis':
            yield from self._lvis_category_findings(order, len(wrong))
            return
        certain = not annotated.isdisjoint(wrong)
        if not self.use.train and self.use.by_metric:
            certain = order != classes
        if absent := [name for name in classes if name not in order]:
            names = [category['name'] for category in self.categories]
            text = (
                f'{len(absent)} of the {len(classes)} classes are no category of {path} '
                f'({shortened(absent)}), which has {len(names)} ({shortened(names)}): name its own '
                'with metainfo=dict(classes=(...)) in each data set, and give the heads their '
                'number as num_classes'
            )
            if certain:
                yield text
            elif order and self.annotations:
                yield Odd(text)
            elif self.annotations:  # of background, or all that there is
                self.unused = text
                yield Odd(text)
        elif certain:
            yield (
                f'the classes stand in another order than the categories of {path}, and mmdet '
                f"would give them each other's names: write metainfo=dict(classes={tuple(order)})"
            )

    def _lvis_category_findings(self, order: list[str], wrong: int) -> Iterator[str]:
        path, classes = self.use.path, self.use.classes
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

    def _box_form_findings(self) -> Iterator[str]:
        """Find what mmdet fails on, and fill the columns of boxes and areas."""
        for key, needs in (
            ('bbox', 'a bbox of four numbers (x, y, width, height, in pixels)'),
            ('area', 'an area that is a number'),
        ):
            rows = np.flatnonzero(self.live if key == 'bbox' else self.live & self._inside())
            values = [self.annotations[i].get(key) for i in rows]
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
                bad = np.zeros(len(self.annotations), bool)
                bad[rows[~np.array(sound)]] = True
                value = self.annotations[int(bad.argmax())].get(key)
                yield f'{self._first(bad)} need {needs}, and the first has {value!r}'
                return
            if len(rows):
                (self.box if key == 'bbox' else self.area)[rows] = column

    def _inside(self) -> np.ndarray:
        """The annotations whose box has a part in the picture."""
        near, far = np.maximum(self.box[:, :2], 0), self.box[:, :2] + self.box[:, 2:]
        return (np.minimum(far, self.size[self.image]) > near).all(axis=1)

    def _kept(self) -> np.ndarray:
        """The annotations that mmdet makes instances of."""
        w, h = self.box[:, 2:].T
        kept = self.chosen
        self.left_out['ignored'] = int(self.ignored.sum())
        self.left_out['foreign'] = int((~self.ignored & ~self.chosen).sum())
        for why, mask in (
            ('thin', (w < 1) | (h < 1)),
            ('outside', ~self._inside()),
            ('empty', self.area <= 0),
        ):
            if not (bad := kept & mask).any():
                continue
            self.odd[why] = int(bad.sum())
            if why in LEAVES_OUT[self.use.form]:
                self.left_out[why] = self.odd[why]
                kept = kept & ~mask
        self.left_out['crowd'] = int((kept & self.crowd).sum())
        return kept

    def _box_findings(self) -> Iterator[str]:
        boxes, sizes = self.box[self.chosen], self.size[self.image[self.chosen]]
        for why, count in self.odd.items():
            hint, then = '', 'leaves them out' if why in self.left_out else 'trains on them'
            if why == 'thin' and np.abs(boxes).max() <= 1:
                hint = ', since all numbers are fractions of the picture (YOLO) and no pixels'
            text = (
                f'{count} of the {len(self.label)} annotations of {self.use.path} have '
                f'{WITHOUT[why]}{hint}: mmdet {then}'
            )
            yield text if then == 'trains on them' and count == len(boxes) else Odd(text)
        past, area, ends = _past(boxes, sizes), self.area[self.chosen], boxes[:, 2:]
        of_corners = np.isclose(area, np.prod(ends - boxes[:, :2], axis=1), rtol=0.01)
        of_corners &= ~np.isclose(area, np.prod(ends, axis=1), rtol=0.01)
        corners = (ends > boxes[:, :2]).all() and (ends <= sizes + 1).all()
        corners &= of_corners.all() or past.sum() >= max(3, 0.2 * len(past))
        corners &= self.use.form != 'voc'  # whose boxes were corners
        if not len(boxes) or not (corners or past.any()):
            return
        bad = np.zeros(len(self.label), bool)
        bad[np.flatnonzero(self.chosen)[past if past.any() else of_corners]] = True
        first = self.annotations[int(bad.argmax())]['bbox']
        if corners:
            yield (
                f'{self._first(bad)} have a bbox that ends outside its picture or is not of its '
                'area as (x, y, width, height), and every bbox of the file fits as (x1, y1, x2, '
                f'y2), such as {first}: write (x1, y1, x2 - x1, y2 - y1)'
            )
        else:
            yield Odd(
                f'{self._first(bad)} have a bbox (x, y, width, height) that ends outside its '
                f'picture, such as {first}: correct them, or the sizes of the pictures'
            )

    def _mask_findings(self, kept: np.ndarray) -> Generator[str, None, np.ndarray]:
        """Find what is wrong with masks of instances, and return which annotations have one."""
        none, form, sizes, valid = (np.zeros(len(kept), bool) for _ in range(4))
        for i in np.flatnonzero(kept):
            mask = self.annotations[i].get('segmentation')
            if not mask:
                none[i] = True
            elif isinstance(mask, list):
                if not all(isinstance(polygon, list) for polygon in mask):
                    form[i] = True
                else:
                    valid[i] = any(len(p) >= 6 and len(p) % 2 == 0 for p in mask)
            elif not isinstance(mask, dict):
                form[i] = True
            elif self.use.masks.poly2mask and isinstance(mask.get('counts'), (list, str)):
                width, height = self.size[self.image[i]]
                said, counts = mask.get('size'), mask['counts']
                runs = [n for n in counts if isinstance(n, int)] if isinstance(counts, list) else ()
                full = isinstance(counts, str) or sum(runs) == width * height
                valid[i] = said is not None
                sizes[i] = valid[i] and (said != [height, width] or not full)
        if none.any():
            yield (
                f'{self._first(none)} have no mask (segmentation), and the pipeline loads masks '
                '(LoadAnnotations with with_mask=True): add the masks, or take a config without a '
                'mask head, such as retinanet_heracles_s_coco.py'
            )
        if form.any():
            yield (
                f'{self._first(form)} have a segmentation that is neither a list of polygons '
                '[[x1, y1, x2, y2, x3, y3, ...], ...] nor a run-length code (a dict of size and '
                'counts)'
            )
        if sizes.any():
            first = int(sizes.argmax())
            width, height = self.size[self.image[first]]
            yield (
                f'{self._first(sizes)} have a run-length mask of another size than the picture: '
                f'{self.annotations[first]["segmentation"]["size"]} in place of its height and '
                f'width, [{height:g}, {width:g}]; make the masks at the size of the pictures'
            )
        self.left_out['maskless'] = int((kept & ~valid).sum())
        if self.left_out['maskless']:
            yield Odd(
                f'{self._first(kept & ~valid)} have {WITHOUT["maskless"]} (and no run-length mask '
                'that the pipeline takes): mmdet does not train on them'
            )
        return valid

    def _label_findings(self, kept: np.ndarray, trained: np.ndarray) -> Iterator[str]:
        least, count = self.use.least, len(self.of_classes)
        if least is not None and self.use.train and (self.label[kept] >= least.number).any():
            last = self.of_classes[int(self.label[kept].max())]['name']
            yield (
                f'{self._first(kept & (self.label >= least.number))} are of classes such as '
                f'{last!r}, and {least.option} is {least.number}: give every head '
                f'{len(self.use.classes)} classes'
            )
        if self.use.train and kept.any():
            present = np.bincount(self.label[trained], minlength=count)
            if empty := [c['name'] for c, n in zip(self.of_classes, present, strict=True) if not n]:
                yield Odd(
                    f'{len(empty)} of the {len(self.use.classes)} classes have no instance in '
                    f'{self.use.path} ({shortened(empty)}): the model will not learn them from it'
                )

    def _picture_findings(self, level: str) -> Generator[str, None, Sequence[str]]:
        """Find missing and unread pictures and other sizes, and return the paths that are used."""
        use, kept = self.use, np.ones(len(self.images), bool)
        if use.train and use.filter_cfg:
            if use.filter_cfg.get('filter_empty_gt'):
                kept[:] = False
                counted = (self.image >= 0) & (self.label >= 0)
                if use.things is not None:
                    counted &= self.kept & (self.label < use.things) & ~self.crowd
                kept[self.image[counted]] = True
            kept &= self.size.min(axis=1) >= use.filter_cfg.get('min_size', 0)
        rows = np.flatnonzero(kept)
        if isinstance(use.indices, int):
            rows = rows[: use.indices] if use.indices >= 0 else rows[use.indices :]
        elif use.indices is not None:
            rows = rows[[i for i in use.indices if -len(rows) <= i < len(rows)]]
        if not len(rows):
            text = (
                f'filter_cfg and indices leave none of the {len(self.images)} pictures of '
                f'{use.path}: for pictures without objects set filter_cfg.filter_empty_gt=False'
            )
            yield text if use.serialize_data and use.known_filter else Odd(text)
        paths = [os.path.join(use.folder, self.images[i]['file_name']) for i in rows]
        if use.loader is None:
            return []
        missing = set(missing_files(paths))
        for finding in missing_pictures(paths, use.path) if missing else ():
            odd = use.loader.ignore_empty or not use.known_filter
            yield Odd(finding) if odd else finding
        images = {p: int(i) for p, i in zip(paths, rows, strict=True) if p not in missing}
        yield from self._size_findings(images, level)
        return list(images)

    def _size_findings(self, images: dict[str, int], level: str) -> Iterator[str]:
        """Find pictures (by path, with their number) that are not loaded as large as is said.

        That is certainly wrong where the EXIF orientation turns the picture, where boxes end
        outside the picture, and where mmdet leaves out a box for the size that is said.
        """
        certain: list[str] = []
        odd: list[str] = []
        looked, why = 0, ''
        for found in loaded_sizes(self.use.loader, list(images), level, self.use.path):
            if isinstance(found, str):
                yield found
                continue
            path, (height, width) = found
            looked += 1
            size = self.size[images[path]]
            if tuple(size) == (width, height):
                continue
            boxes = self.box[self.chosen & (self.image == images[path])]
            exif = orientation(path) if tuple(size) == (height, width) else 1
            wrong = exif >= 5 or _past(boxes, np.array([width, height])).any()
            wrong = wrong or (boxes[:, :2] >= size).any()
            said = f'{path}, id {self.images[images[path]]["id"]!r}, {size[0]:g}x{size[1]:g}'
            (certain if wrong else odd).append(f'{said} in the file and {width}x{height} as loaded')
            if exif >= 5:
                why = (
                    '; the EXIF orientation swaps the sides, so for boxes on pictures as stored '
                    "load them with LoadImageFromFile(color_type='color_ignore_orientation')"
                )
        for kind, texts in ((str, certain), (Odd, odd)):
            if texts:
                yield kind(
                    f'{len(texts)} of the {looked} pictures of {self.use.path} that were looked at '
                    f'are not as large as their width and height say ({shortened(texts, 1)}): '
                    f'correct the file or the pictures{why if kind is str else ""}'
                )


def _count(things: Sized, name: str) -> str:
    return f'{len(things)} {name}' + ('s' if len(things) > 1 else '')


def _doubled(values: Any) -> dict[Any, int]:
    """Those of ``values`` that come several times, with their number."""
    values = list(values)
    if len(set(values)) == len(values):
        return {}
    return {value: number for value, number in Counter(values).items() if number > 1}


def _numbers(value: Any, shape: tuple[int, ...]) -> bool:
    try:
        array = np.array(value)
    except ValueError:  # lists of several lengths
        return False
    return array.shape == shape and array.dtype.kind in 'iuf' and bool(np.isfinite(array).all())


def _past(boxes: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Which of ``boxes`` (N, 4) end outside of ``size`` by more than 2 px and a hundredth."""
    slack = np.maximum(2, 0.01 * size)
    return ((boxes[:, :2] + boxes[:, 2:] > size + slack) | (boxes[:, :2] < -slack)).any(axis=1)
