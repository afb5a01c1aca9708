"""Scenes composed from real pictures, with exact instance masks and label maps.

Clothes (Fashion-MNIST) are tinted, scaled and pasted, one over the other, on crops of photos. The
layout is synthetic, the pixels are real; say so wherever a number measured on scenes is shown.
Every decision is drawn as an integer from one generator per picture, so a picture depends on
nothing but its spec, split and number.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from heracles_mm.datasets.parts import (
    OBJECT_CLASSES,
    SPLITS,
    BackgroundPart,
    ObjectPart,
    Parts,
    load_parts,
)
from heracles_mm.datasets.spec import ScenesSpec

# Counts up with every change that alters a byte, so that no cache serves yesterday's scenes.
GENERATOR_VERSION = 2

PLACE_ATTEMPTS = 12

# Colours of cloth, BGR.
CLOTH = np.array(
    [
        (60, 60, 225),
        (50, 140, 245),
        (70, 215, 245),
        (80, 190, 80),
        (150, 160, 40),
        (230, 150, 60),
        (200, 80, 60),
        (190, 70, 150),
        (180, 130, 245),
        (60, 100, 160),
        (200, 225, 240),
        (245, 245, 245),
        (150, 150, 150),
    ]
)


@dataclass(frozen=True)
class PlacedObject:
    """An object as it stands in a scene.

    Attributes:
        part: the picture it was made from.
        full_area: its pixels before anything hid it, in px.
    """

    part: ObjectPart
    full_area: int


@dataclass(frozen=True)
class PlacedBackground:
    """A background as it stands in a scene.

    Attributes:
        label: label-map value.
        source: name of the photo.
        window: x, y, width and height of the crop, in px of the whole photo.
    """

    label: int
    source: str
    window: tuple[int, int, int, int]


@dataclass(frozen=True)
class Scene:
    """One picture and all that is known about it.

    Attributes:
        image: (size, size, 3) uint8, BGR.
        ids: (size, size) uint8, 0 on the background, k where ``objects[k-1]`` is seen.
        labels: (size, size) uint8 label map, 1 to 9.
        objects: back to front; each keeps at least half of its pixels visible.
        backgrounds: one or two.
    """

    image: np.ndarray
    ids: np.ndarray
    labels: np.ndarray
    objects: list[PlacedObject]
    backgrounds: list[PlacedBackground]


def compose_scene(spec: ScenesSpec, split: str, index: int) -> Scene:
    """Compose picture number ``index`` of a split.

    Args:
        spec: sizes and seed.
        split: 'train' or 'val'.
        index: 0 or more; not bounded by the counts of the spec.

    Raises:
        ValueError: unknown split.
    """
    parts = load_parts(split)
    rng = np.random.default_rng([spec.seed, SPLITS.index(split), index])
    image, labels, backgrounds = _compose_background(rng, parts, spec.size, index)
    ids = np.zeros_like(labels)
    placed: list[PlacedObject] = []
    wanted = int(rng.integers(spec.objects[0], spec.objects[1] + 1))
    for turn in range(wanted):
        # The classes take turns in being first, so that five pictures show all of them.
        category = 1 + (index if turn == 0 else int(rng.integers(5))) % len(OBJECT_CLASSES)
        part = _choice(rng, parts.objects[category])
        grey, mask = _scaled_object(rng, part, spec.object_px)
        place = _find_place(rng, mask, ids, [p.full_area for p in placed])
        if place is None:
            continue
        placed.append(PlacedObject(part, int(np.count_nonzero(mask))))
        target, source = place
        inside = mask[source]
        image[target][inside] = _tint(rng, grey)[source][inside]
        ids[target][inside] = len(placed)
        labels[target][inside] = category
    return Scene(image, ids, labels, placed, backgrounds)


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
        image_path, labels_path = scene_paths(split, index)
        yield image_path, _png(scene.image)
        yield labels_path, _png(scene.labels)
        images.append(
            {
                'id': index,
                'file_name': image_path.rpartition('/')[2],
                'width': spec.size,
                'height': spec.size,
                'backgrounds': [
                    {'label': b.label, 'source': b.source, 'window': list(b.window)}
                    for b in scene.backgrounds
                ],
            }
        )
        for annotation in _annotations(scene):
            annotations.append({'id': len(annotations) + 1, 'image_id': index, **annotation})
    content = {
        'info': {
            'description': 'Scenes composed by heracles_mm: synthetic layout, real pixels '
            '(Fashion-MNIST, Copyright (c) 2017 Zalando SE, MIT; scikit-image '
            'sample photos, CC0; NASA, public domain)',
            'generator_version': GENERATOR_VERSION,
            'split': split,
            'spec': spec.as_dict(),
        },
        'categories': [{'id': i + 1, 'name': name} for i, name in enumerate(OBJECT_CLASSES)],
        'images': images,
        'annotations': annotations,
    }
    yield annotation_path(split), json.dumps(content, separators=(',', ':')).encode()


def split_paths(spec: ScenesSpec, split: str) -> Iterator[str]:
    """Paths of what :func:`iter_split_files` gives, without composing anything."""
    for index in range(spec.count(split)):
        yield from scene_paths(split, index)
    yield annotation_path(split)


def scene_paths(split: str, index: int) -> tuple[str, str]:
    """Paths of a scene's picture and of its label map, relative to the scenes' folder."""
    return f'images/{split}/{index:06d}.png', f'labels/{split}/{index:06d}.png'


def annotation_path(split: str) -> str:
    """Path of a split's COCO annotations, relative to the scenes' folder."""
    return f'annotations/instances_{split}.json'


def uncompressed_rle(mask: np.ndarray) -> dict[str, list[int]]:
    """COCO's uncompressed run lengths of a mask: column by column, zeros first.

    Args:
        mask: (h, w) bool.

    Returns:
        ``{'size': [h, w], 'counts': [...]}``, plain integers.
    """
    pixels = np.concatenate(([False], mask.ravel(order='F')))
    changes = np.flatnonzero(pixels[1:] != pixels[:-1])
    counts = np.diff(np.concatenate(([0], changes, [mask.size])))
    return {'size': list(mask.shape), 'counts': counts.tolist()}


def _compose_background(
    rng: np.random.Generator,
    parts: Parts,
    size: int,
    index: int,
) -> tuple[np.ndarray, np.ndarray, list[PlacedBackground]]:
    """One photo, or in every second picture two with a straight border between them."""
    label_values = list(parts.backgrounds)
    # The labels take turns as the classes do; four and five meet in all pairs within twenty.
    first = label_values[index % len(label_values)]
    image, placed = _crop(rng, _choice(rng, parts.backgrounds[first]), size)
    labels = np.full((size, size), first, np.uint8)
    if rng.integers(2) == 0:
        return image, labels, [placed]
    second = _choice(rng, [value for value in label_values if value != first])
    other_image, other_placed = _crop(rng, _choice(rng, parts.backgrounds[second]), size)
    # The border runs through a point of the middle third, in one of all directions.
    x0, y0 = (int(v) for v in rng.integers(size // 3, size - size // 3, 2))
    dx, dy = 0, 0
    while dx == 0 and dy == 0:
        dx, dy = (int(v) for v in rng.integers(-100, 101, 2))
    y, x = np.mgrid[:size, :size]
    beyond = (x - x0) * dy - (y - y0) * dx > 0
    image[beyond] = other_image[beyond]
    labels[beyond] = second
    return image, labels, [placed, other_placed]


def _crop(
    rng: np.random.Generator,
    part: BackgroundPart,
    size: int,
) -> tuple[np.ndarray, PlacedBackground]:
    """A square window of a photo, scaled to (size, size), perhaps mirrored, slightly coloured."""
    height, width = part.pixels.shape[:2]
    longest = min(height, width)
    side = int(rng.integers(longest // 2, longest + 1))
    x = int(rng.integers(0, width - side + 1))
    y = int(rng.integers(0, height - side + 1))
    pixels = _resize(part.pixels[y : y + side, x : x + side], size, size)
    if rng.integers(2):
        pixels = pixels[:, ::-1]
    percent = rng.integers(65, 116, 3)
    pixels = np.minimum(pixels * percent // 100, 255).astype(np.uint8)
    return pixels, PlacedBackground(part.label, part.source, (part.left + x, y, side, side))


def _scaled_object(
    rng: np.random.Generator,
    part: ObjectPart,
    object_px: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Brightness (h, w) uint8 and mask (h, w) bool of an object, its longer side in the range."""
    longer = int(rng.integers(object_px[0], object_px[1] + 1))
    h, w = part.mask.shape
    height, width = (max(1, (side * longer + max(h, w) // 2) // max(h, w)) for side in (h, w))
    grey = _resize(part.grey, width, height)
    mask = _resize(part.mask, width, height) >= 128
    if rng.integers(2):
        grey, mask = grey[:, ::-1], mask[:, ::-1]
    return grey, mask


def _find_place(
    rng: np.random.Generator,
    mask: np.ndarray,
    ids: np.ndarray,
    full_areas: list[int],
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Where ``mask`` can stand so that it and every earlier object keep half of their pixels.

    Later objects may hang over the picture's edge by an eighth of their size.

    Returns:
        Slices of the picture and the slices of ``mask`` that land there; None after
        ``PLACE_ATTEMPTS`` misses.
    """
    size = ids.shape[0]
    h, w = mask.shape
    over_y, over_x = (h // 8, w // 8) if full_areas else (0, 0)
    full_area = np.count_nonzero(mask)
    visible = np.bincount(ids.ravel(), minlength=len(full_areas) + 1)
    for _ in range(PLACE_ATTEMPTS):
        y = int(rng.integers(-over_y, size - h + over_y + 1))
        x = int(rng.integers(-over_x, size - w + over_x + 1))
        target = (slice(max(y, 0), min(y + h, size)), slice(max(x, 0), min(x + w, size)))
        source = (
            slice(target[0].start - y, target[0].stop - y),
            slice(target[1].start - x, target[1].stop - x),
        )
        inside = mask[source]
        hidden = np.bincount(ids[target][inside], minlength=len(full_areas) + 1)
        left = (visible - hidden)[1:]
        if 2 * np.count_nonzero(inside) >= full_area and np.all(
            2 * left >= np.array(full_areas, dtype=left.dtype)
        ):
            return target, source
    return None


def _tint(rng: np.random.Generator, grey: np.ndarray) -> np.ndarray:
    """Colour brightness (h, w) uint8 with a cloth colour: (h, w, 3) uint8."""
    colour = np.clip(_choice(rng, CLOTH) + rng.integers(-25, 26, 3), 0, 255)
    lifted = 40 + grey.astype(np.int64) * 215 // 255  # black cloth must not vanish in shadow
    return (lifted[..., None] * colour // 255).astype(np.uint8)


def _annotations(scene: Scene) -> Iterator[dict[str, Any]]:
    """COCO annotations of a scene's objects, without their ids."""
    for k, placed in enumerate(scene.objects, start=1):
        mask = scene.ids == k
        yield {
            'category_id': placed.part.category,
            'bbox': list(cv2.boundingRect(mask.astype(np.uint8))),
            'area': int(np.count_nonzero(mask)),
            'iscrowd': 0,
            'segmentation': uncompressed_rle(mask),
            'full_area': placed.full_area,
            'row': placed.part.row,
            'source_index': placed.part.source_index,
        }


def _resize(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    # INTER_LINEAR_EXACT computes in integers: the same result on every processor.
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)


def _choice(rng: np.random.Generator, options: Any) -> Any:
    return options[int(rng.integers(len(options)))]


def _png(pixels: np.ndarray) -> bytes:
    written, buffer = cv2.imencode('.png', pixels, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not written:
        raise RuntimeError('OpenCV could not encode a PNG')
    return buffer.tobytes()
