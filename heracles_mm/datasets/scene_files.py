"""The files of a set of scenes: pictures, label maps and COCO's annotations."""

import json
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from heracles_mm.datasets.parts import OBJECT_CLASSES
from heracles_mm.datasets.scenes import GENERATOR_VERSION, compose_scene
from heracles_mm.datasets.spec import ScenesSpec


def iter_split_files(spec: ScenesSpec, split: str) -> Iterator[tuple[str, bytes]]:
    """Every file of a split, as (path relative to the scenes' folder, content).

    ``images/{split}/000000.png`` colour pictures, ``labels/{split}/000000.png`` label maps (single
    channel, 0 = ignored: read with ``reduce_zero_label=True``), and at last
    ``annotations/instances_{split}.json`` in COCO's form, masks as uncompressed RLE, which holds
    them exactly.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index in range(spec.count(split)):
        scene = compose_scene(spec, split, index)
        name = f'{index:06d}.png'
        yield f'images/{split}/{name}', _png(scene.image)
        yield f'labels/{split}/{name}', _png(scene.labels)
        images.append(
            {
                'id': index,
                'file_name': name,
                'width': spec.size,
                'height': spec.size,
                'backgrounds': scene.backgrounds,
            }
        )
        for k, placed in enumerate(scene.objects, start=1):
            mask = scene.ids == k
            annotations.append(
                {
                    'id': len(annotations) + 1,
                    'image_id': index,
                    'category_id': placed.part.category,
                    'bbox': list(cv2.boundingRect(mask.astype(np.uint8))),
                    'area': int(np.count_nonzero(mask)),
                    'iscrowd': 0,
                    'segmentation': uncompressed_rle(mask),
                    'full_area': placed.full_area,
                    'row': placed.part.row,
                    'source_index': placed.part.source_index,
                }
            )
    content = {
        'info': {
            'description': 'Scenes composed by heracles_mm: synthetic layout, real pixels '
            '(Fashion-MNIST, Copyright (c) 2017 Zalando SE, MIT; scikit-image '
            'sample photos, CC0; NASA, public domain)',
            'generator_version': GENERATOR_VERSION,
            'split': split,
            'spec': spec.as_dict(),
        },
        'categories': [{'id': i, 'name': name} for i, name in enumerate(OBJECT_CLASSES, start=1)],
        'images': images,
        'annotations': annotations,
    }
    text = json.dumps(content, separators=(',', ':'))
    yield f'annotations/instances_{split}.json', text.encode()


def uncompressed_rle(mask: np.ndarray) -> dict[str, list[int]]:
    """COCO's uncompressed run lengths of a (h, w) bool mask: column by column, zeros first."""
    pixels = np.concatenate(([False], mask.ravel(order='F')))
    changes = np.flatnonzero(pixels[1:] != pixels[:-1])
    counts = np.diff(np.concatenate(([0], changes, [mask.size])))
    return {'size': list(mask.shape), 'counts': counts.tolist()}


def _png(pixels: np.ndarray) -> bytes:
    _, buffer = cv2.imencode('.png', pixels, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    return buffer.tobytes()
