"""An annotation file in COCO's form, before mmdet fails on it or passes over what is wrong."""

from collections.abc import Generator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from heracles_mm.data_checks.coco_annotations import Annotations, Use
from heracles_mm.data_checks.coco_boxes import WITHOUT, box_fault, box_findings, kept_by_mmdet
from heracles_mm.data_checks.coco_categories import category_findings, id_findings, label_findings
from heracles_mm.data_checks.coco_form import read_annotations
from heracles_mm.data_checks.coco_masks import mask_findings
from heracles_mm.data_checks.coco_pictures import picture_findings


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
    file = Annotations(use, content)
    yield from id_findings(file)
    yield from category_findings(file)
    if fault := box_fault(file):
        yield fault
        return Contents()
    kept = kept_by_mmdet(file)
    yield from box_findings(file)
    trained = kept & ~file.crowd
    if use.masks is not None:
        trained &= yield from mask_findings(file, kept)
    yield from label_findings(file, kept, trained)
    pictures = yield from picture_findings(file, kept, level)
    why = ', '.join(f'{n} with {WITHOUT[why]}' for why, n in file.left_out.items() if n)
    left_out = f'{len(trained)} annotations in {use.path}{", " if why else ""}{why}'
    names = {image['id']: image['file_name'] for image in file.images}
    return Contents(pictures, int(trained.sum()), file.unused or left_out, names)
