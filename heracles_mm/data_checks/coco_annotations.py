"""The annotations of a file in COCO's form as columns, and what a run does with them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from heracles_mm.data_checks.heads import ClassCount


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


class Annotations:
    """An annotation file by columns; ``box``, ``area`` and the counts are filled by the checks.

    Masks over annotations (N): ``live`` is parsed by mmdet, ``chosen`` is of the classes too. Why
    boxes are odd and annotations left out, with their number: ``odd``, ``left_out``.
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
        self.label = self.column(lambda one: label_of.get(one['category_id'], -1), int)
        self.image = self.column(lambda one: index_of.get(one['image_id'], -1), int)
        self.ignored = self.column(lambda one: bool(one.get('ignore')), bool)
        self.crowd = self.column(lambda one: bool(one.get('iscrowd')), bool)
        self.live = (self.image >= 0) & ~self.ignored
        self.chosen = self.live & (self.label >= 0)
        self.size = np.array([[i['width'], i['height']] for i in self.images], float)  # (M, 2)
        self.box = np.zeros((len(annotations), 4))  # x, y, width, height
        self.area = np.ones(len(annotations))
        self.odd: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.unused = content.get('unused', '')  # why no annotation is of the classes

    def column(self, read: Any, kind: type) -> np.ndarray:
        return np.fromiter(map(read, self.annotations), kind, len(self.annotations))

    def first(self, mask: np.ndarray) -> str:
        """The count of annotations in ``mask``, and the first one's id."""
        first = self.annotations[int(mask.argmax())]
        return (
            f'{mask.sum()} of the {len(mask)} annotations of {self.use.path} (the first has id '
            f'{first["id"]!r}, in the picture with id {first["image_id"]!r})'
        )

    def inside(self) -> np.ndarray:
        """The annotations whose box has a part in the picture."""
        near, far = np.maximum(self.box[:, :2], 0), self.box[:, :2] + self.box[:, 2:]
        return (np.minimum(far, self.size[self.image]) > near).all(axis=1)
