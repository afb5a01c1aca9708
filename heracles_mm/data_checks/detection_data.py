"""Which of mmdet's data sets reads a file, and what is found in it."""

from collections.abc import Generator, Iterator
from typing import Any

from mmengine.config import Config

from heracles_mm.data_checks.coco import Contents, coco_findings, instance_findings
from heracles_mm.data_checks.coco_annotations import Use
from heracles_mm.data_checks.coco_form import lvis_metric_findings
from heracles_mm.data_checks.config_options import evaluators
from heracles_mm.data_checks.findings import Odd
from heracles_mm.data_checks.heads import class_counts
from heracles_mm.data_checks.panoptic import panoptic_findings
from heracles_mm.data_checks.readers import Readers
from heracles_mm.data_checks.voc import voc_content


def category_metrics(cfg: Config, stage: str) -> list[dict]:
    """The evaluators that look labels up among the categories of a file."""
    return [one for kind in ('CocoMetric', 'LVISMetric') for one in evaluators(cfg, stage, kind)]


def indices_findings(cfg: Config, stage: str, option: str, dataset: Any) -> Iterator[str]:
    """Find a part of a data set that is evaluated as if it were the whole."""
    metrics = category_metrics(cfg, stage) if stage != 'train' else []
    if metrics and dataset._indices is not None:
        yield Odd(
            f'{option}.indices leaves pictures out, and {metrics[0]["type"]} counts every object '
            'of them as missed: for the AP of a part give data set and evaluator a file of that '
            'part alone (tools/prepare_data.py coco-subset)'
        )


def annotation_form(kind: type) -> str | None:
    """The form of the annotations that a class of mmdet's or of a user's reads, if it is known."""
    from mmdet.datasets import CocoDataset, CocoPanopticDataset, LVISV1Dataset, XMLDataset
    from mmdet.datasets.api_wrappers import COCO, COCOPanoptic

    methods = ('load_data_list', 'parse_data_info', '_parse_instance_info')
    for form, known, api in (
        ('coco', CocoDataset, COCO),
        ('lvis', LVISV1Dataset, COCO),
        ('panoptic', CocoPanopticDataset, COCOPanoptic),
        ('voc', XMLDataset, None),
    ):
        if all(getattr(kind, name, None) is getattr(known, name, None) for name in methods):
            return form if getattr(kind, 'COCOAPI', None) is api else None
    return None


def detection_findings(
    cfg: Config, stage: str, dataset: Any, readers: Readers, read: dict[str, Any]
) -> Generator[str, None, Contents]:
    """Find what is wrong with a data set of mmdet's, not initialised, and return what it holds.

    One that reads its data in a way of its own holds nothing that is known. ``read`` is that of
    ``coco_findings``.
    """
    from mmdet.datasets import CocoDataset, XMLDataset
    from mmdet.datasets.transforms import LoadAnnotations, LoadPanopticAnnotations

    kind = type(dataset)
    form, classes = annotation_form(kind), dataset.metainfo.get('classes')
    if form is None or not classes or isinstance(classes, str):
        return Contents()
    maps = readers.labels(LoadPanopticAnnotations, '_load_masks_and_semantic_segs')
    labels = maps if form == 'panoptic' else readers.labels(LoadAnnotations, '_load_masks')
    filters = {'voc': XMLDataset, 'panoptic': kind}.get(form, CocoDataset)
    train = not dataset.test_mode and stage == 'train'
    use = Use(
        path=dataset.ann_file,
        folder=dataset.data_prefix.get('img') or '',
        classes=classes,
        train=train,
        masks=labels if form in ('coco', 'lvis') and labels and labels.with_mask else None,
        loader=readers.loader,
        least=min(class_counts(cfg), key=lambda one: one.number, default=None),
        by_metric=bool(category_metrics(cfg, stage)),
        filter_cfg=dataset.filter_cfg,
        indices=dataset._indices,
        serialize_data=dataset.serialize_data,
        known_filter=kind.filter_data is filters.filter_data,
        form=form,
    )
    if form == 'panoptic':
        things = dataset.metainfo.get('thing_classes') or ()
        folder = dataset.data_prefix.get('seg') if maps is not None else None
        use = use._replace(least=None)  # of things alone
        contents = yield from panoptic_findings(use, things, folder, readers.level, read)
    elif form == 'voc':
        content = yield from voc_content(dataset, not train)
        if content is None:
            return Contents()
        contents = yield from instance_findings(use._replace(folder=''), content, readers.level)
    else:
        contents = yield from coco_findings(use, readers.level, read)
        if evaluators(cfg, stage, 'LVISMetric') and use.path in read:
            yield from lvis_metric_findings(use.path, read[use.path])
    if not dataset.test_mode or dataset._indices is not None:  # fewer pictures than the file names
        contents = contents._replace(names={})
    return contents if labels is not None else contents._replace(instances=None)
