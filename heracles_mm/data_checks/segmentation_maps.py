"""mmseg's label maps, before a loss fails on one."""

import os
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

import numpy as np

from heracles_mm.data_checks.findings import (
    Odd,
    missing_files,
    missing_pictures,
    read_each,
    sampled,
    shortened,
)
from heracles_mm.data_checks.picture_files import orientation

ONE_CHANNEL = (
    'a label map must have one channel of 8 bits whose values are class ids (a grey or palette PNG)'
)


class Head(NamedTuple):
    """A decode head's ``num_classes`` and ``ignore_index``."""

    num_classes: int
    ignore_index: int = 255

    def foreign(self, values: Any) -> Any:
        """Those of ``values`` (array or tensor) that are no class; one output has two classes."""
        return values[
            (values < 0) | ((values >= max(self.num_classes, 2)) & (values != self.ignore_index))
        ]

    def finding(self, name: str, value: int, reduce_zero_label: bool) -> str:
        """The sentence about a foreign ``value`` of the map ``name``."""
        count, ignored = max(self.num_classes, 2), self.ignore_index
        allowed = f'0 to {count - 1}, and {ignored} for what is ignored'
        if reduce_zero_label:
            value += 1
            allowed = f'1 to {count}, and 0 for what is ignored (reduce_zero_label)'
        return (
            f'{name} holds the value {value}, and a model of {count} classes allows {allowed}: '
            'correct the map, or give the data set and the heads all classes'
        )


class _Map(NamedTuple):
    """What is read of a picture and its label map."""

    size: tuple[int, int] | None
    shape: tuple[int, ...]  # () where it cannot be read
    mode: str
    values: np.ndarray


def map_findings(
    dataset: Any, pipeline: Any, loader: Any, labels: Any, head: Head | None, stage: str, level: str
) -> Generator[str, None, list[str]]:
    """Find label maps that are missing, of another size, of colours, or with foreign values.

    Args:
        dataset: mmseg's, not initialised.
        pipeline: tries items, as a callable; None where its transforms are not all known.
        loader, labels: its ``LoadImageFromFile`` and ``LoadAnnotations``, or None.
        head: of the model, or None.
        stage: 'training', 'validation' or 'test'.
        level: how many maps are opened.

    Returns:
        The paths of the pictures.
    """
    items, indices = dataset.load_data_list(), dataset._indices
    if isinstance(indices, int):
        items = items[:indices] if indices >= 0 else items[indices:]
    elif indices is not None:
        items = [items[i] for i in indices]
    folder = dataset.data_prefix.get('img_path')
    if not items:
        yield (
            f'no {stage} picture was found in {folder} with a name that ends in '
            f'{dataset.img_suffix!r}: look at data_root, data_prefix, img_suffix and ann_file'
        )
    pictures = [item['img_path'] for item in items]
    if loader is not None:
        for finding in missing_pictures(pictures, dataset.ann_file or folder):
            yield Odd(finding) if loader.ignore_empty else finding
    maps = [item.get('seg_map_path') for item in items]
    if labels is None or not all(maps):  # a test without ground truth
        return pictures
    if missing := missing_files(maps):
        how = (
            'copy the rest of the data, or set data_prefix.seg_map_path and seg_map_suffix to '
            'what is there'
        )
        if os.path.exists(missing[0].replace('_labelTrainIds.png', '_labelIds.png')):
            how = (
                'make them from the *_labelIds.png that are there, with csCreateTrainIdLabelImgs '
                'of the package cityscapesscripts'
            )
        yield (
            f'{len(missing)} of {len(maps)} {stage} pictures have no label map '
            f'({shortened(missing)}): {how}'
        )
        return pictures
    looked = sampled(items, level)
    read = list(read_each(lambda item: _read(item, loader, labels), looked, 'label maps'))
    yield from _read_findings(read, labels)
    if pipeline is not None:
        yield from _size_findings(read, pipeline, stage)
        if head is not None:
            yield from _value_findings(read, head, dataset, whole=len(looked) == len(items))
    return pictures


def _read(item: dict, loader: Any, labels: Any) -> _Map:
    from PIL import Image  # brought by mmcv

    size, mode, values = None, '', np.empty(0, int)
    try:
        if loader is not None:
            size = loader.transform(dict(item))['img'].shape[:2]
    except Exception:  # the pictures have a check of their own
        pass
    try:
        with Image.open(item['seg_map_path']) as image:
            mode = image.mode
            deep = mode[0] in 'IF' and np.asarray(image).max() > 255  # kept are 8 bits
        label = labels.transform(dict(item))['gt_seg_map']
    except Exception:  # whatever a decoder raises
        return _Map(size, (), mode, values)
    if label.ndim == 2 and not deep:
        values, mode = np.flatnonzero(np.bincount(label.ravel(), minlength=256)), ''
    return _Map(size, label.shape, mode, values)


def _read_findings(read: list[tuple[dict, _Map]], labels: Any) -> Iterator[str]:
    """Find maps that are damaged or not of one channel of 8 bits."""
    if bad := [item['seg_map_path'] for item, found in read if not found.shape]:
        yield (
            f'{len(bad)} of the {len(read)} label maps that were looked at cannot be read '
            f'({shortened(bad)}): copy them again'
        )
    elif bad := [(item['seg_map_path'], found.mode) for item, found in read if found.mode]:
        backend = labels.imdecode_backend
        hint = f' (and the imdecode_backend is {backend})' if backend != 'pillow' else ''
        yield (
            f'the label map {bad[0][0]} is of mode {bad[0][1]}{hint}, as are {len(bad)} of the '
            f'{len(read)} that were looked at: {ONE_CHANNEL}, so convert colours to ids first'
        )


def _size_findings(read: list[tuple[dict, _Map]], pipeline: Any, stage: str) -> Iterator[str]:
    """Find maps of another size than their picture, and try whether the pipeline makes them one."""
    other = [
        (item, found.shape, found.size)
        for item, found in read
        if found.size and found.size != found.shape[:2]
    ]
    if not other:
        return
    item, shape, size = other[0]
    hint = ', whose sides its EXIF orientation swaps' if orientation(item['img_path']) >= 5 else ''
    text = (
        f'{len(other)} of the {len(read)} label maps that were looked at are of another size than '
        f'their picture ({item["seg_map_path"]}, {shape[1]}x{shape[0]} for a picture of '
        f'{size[1]}x{size[0]}{hint}): make the maps at the size of the pictures as loaded'
    )
    try:
        packed = pipeline(dict(item))
        sample = packed['data_samples']
        side = packed['inputs'].shape[-2:] if stage == 'training' else sample.ori_shape
        fits = tuple(sample.gt_sem_seg.shape) == tuple(side)
    except Exception:  # the pipeline cannot take them
        fits = False
    yield Odd(text) if fits else text


def _value_findings(
    read: list[tuple[dict, _Map]], head: Head, dataset: Any, whole: bool
) -> Iterator[str]:
    bad = [(item, foreign) for item, found in read if len(foreign := head.foreign(found.values))]
    if bad:
        item, foreign = bad[0]
        name = f'{len(bad)} of the {len(read)} label maps that were looked at have foreign values: '
        name = f'{name if len(bad) > 1 else ""}the label map {item["seg_map_path"]}'
        yield head.finding(name, int(foreign[0]), dataset.reduce_zero_label)
    classes = dataset.metainfo.get('classes') or ()
    present = {int(value) for _, found in read for value in found.values}
    absent = [name for i, name in enumerate(classes) if i not in present]
    if absent and (whole or len(absent) >= len(classes) - 1) and not dataset.test_mode:
        hint = ', and the value that is ignored is there' if head.ignore_index in present else ''
        maps = 'no label map' if whole else f'none of {len(read)} label maps'
        yield Odd(
            f'{len(absent)} of the {len(classes)} classes are in {maps} of '
            f'{dataset.data_prefix["seg_map_path"]} ({shortened(absent)}{hint})'
        )
