"""Scenes composed from real pictures, with exact instance masks and label maps.

Clothes (Fashion-MNIST) are tinted, scaled and pasted, one over the other, on crops of photos. The
layout is synthetic, the pixels are real; say so wherever a number measured on scenes is shown.
Every decision is drawn as an integer from one generator per picture, so a picture depends on
nothing but its spec, split and number.
"""

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

# Colours of cloth: blue, green and red in hex.
CLOTH = bytes.fromhex(
    '3c3ce1 328cf5 46d7f5 50be50 96a028 e6963c c8503c be4696 b482f5 3c64a0 c8e1f0 f5f5f5 969696'
)


@dataclass(frozen=True)
class PlacedObject:
    """An object as it stands in a scene."""

    part: ObjectPart
    full_area: int  # its pixels before anything hid it


@dataclass(frozen=True)
class Scene:
    """One picture and all that is known about it.

    Attributes:
        image: (size, size, 3) uint8, BGR.
        ids: (size, size) uint8, 0 on the background, k where ``objects[k-1]`` is seen.
        labels: (size, size) uint8 label map, 1 to 9.
        objects: back to front; each keeps at least half of its pixels visible.
        backgrounds: one or two: label-map value, photo, window x, y, width, height in px of it.
    """

    image: np.ndarray
    ids: np.ndarray
    labels: np.ndarray
    objects: list[PlacedObject]
    backgrounds: list[dict[str, Any]]


def compose_scene(spec: ScenesSpec, split: str, index: int) -> Scene:
    """Picture number ``index``, 0 or more, whatever the counts of the spec, of 'train' or 'val'.

    Raises:
        ValueError: unknown split.
    """
    parts = load_parts(split)
    rng = np.random.default_rng([spec.seed, SPLITS.index(split), index])
    image, labels, backgrounds = _compose_background(rng, parts, spec.size, index)
    ids = np.zeros_like(labels)
    placed: list[PlacedObject] = []
    for turn in range(_between(rng, *spec.objects)):
        # The classes take turns in being first, so that five pictures show all of them.
        category = 1 + (index if turn == 0 else int(rng.integers(5))) % len(OBJECT_CLASSES)
        part = _choice(rng, parts.objects[category])
        grey, mask = _scaled_object(rng, part, spec.object_px)
        place = _find_place(rng, mask, ids, [p.full_area for p in placed])
        if place:
            placed.append(PlacedObject(part, int(np.count_nonzero(mask))))
            target, source = place
            inside = mask[source]
            image[target][inside] = _tint(rng, grey)[source][inside]
            ids[target][inside] = len(placed)
            labels[target][inside] = category
    return Scene(image, ids, labels, placed, backgrounds)


def _compose_background(
    rng: np.random.Generator, parts: Parts, size: int, index: int
) -> tuple[np.ndarray, np.ndarray, list[dict[str, Any]]]:
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
    rng: np.random.Generator, part: BackgroundPart, size: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """A square window of a photo, scaled to (size, size), perhaps mirrored, slightly coloured."""
    height, width = part.pixels.shape[:2]
    longest = min(height, width)
    side = _between(rng, longest // 2, longest)
    x = _between(rng, 0, width - side)
    y = _between(rng, 0, height - side)
    pixels = _resize(part.pixels[y : y + side, x : x + side], size, size)
    if rng.integers(2):
        pixels = pixels[:, ::-1]
    percent = rng.integers(65, 116, 3)
    pixels = np.minimum(pixels * percent // 100, 255).astype(np.uint8)
    window = [part.left + x, y, side, side]
    return pixels, {'label': part.label, 'source': part.source, 'window': window}


def _scaled_object(
    rng: np.random.Generator, part: ObjectPart, object_px: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Brightness (h, w) uint8 and mask (h, w) bool of an object, its longer side in the range."""
    longer = _between(rng, *object_px)
    h, w = part.mask.shape
    height, width = (max(1, (side * longer + max(h, w) // 2) // max(h, w)) for side in (h, w))
    grey = _resize(part.grey, width, height)
    mask = _resize(part.mask, width, height) >= 128
    if rng.integers(2):
        grey, mask = grey[:, ::-1], mask[:, ::-1]
    return grey, mask


def _find_place(
    rng: np.random.Generator, mask: np.ndarray, ids: np.ndarray, full_areas: list[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]] | None:
    """Where ``mask`` can stand so that it and every earlier object keep half of their pixels.

    Slices of the picture and the slices of ``mask`` that land there, or None after
    ``PLACE_ATTEMPTS`` misses. Later objects may overlap the picture's edge by an eighth.
    """
    size = ids.shape[0]
    h, w = mask.shape
    over_y, over_x = (h // 8, w // 8) if full_areas else (0, 0)
    full_area = np.count_nonzero(mask)
    visible = np.bincount(ids.ravel(), minlength=len(full_areas) + 1)
    for _ in range(PLACE_ATTEMPTS):
        y = _between(rng, -over_y, size - h + over_y)
        x = _between(rng, -over_x, size - w + over_x)
        target = (slice(max(y, 0), min(y + h, size)), slice(max(x, 0), min(x + w, size)))
        source = tuple(slice(t.start - at, t.stop - at) for t, at in zip(target, (y, x)))
        inside = mask[source]
        hidden = np.bincount(ids[target][inside], minlength=len(full_areas) + 1)
        others_show = 2 * (visible - hidden)[1:] >= np.array(full_areas, hidden.dtype)
        if 2 * np.count_nonzero(inside) >= full_area and others_show.all():
            return target, source
    return None


def _tint(rng: np.random.Generator, grey: np.ndarray) -> np.ndarray:
    """Colour brightness (h, w) uint8 with a cloth colour: (h, w, 3) uint8."""
    cloth = _choice(rng, np.frombuffer(CLOTH, np.uint8).reshape(-1, 3))
    colour = np.clip(cloth + rng.integers(-25, 26, 3), 0, 255)
    lifted = 40 + grey.astype(np.int64) * 215 // 255  # black cloth must not vanish in shadow
    return (lifted[..., None] * colour // 255).astype(np.uint8)


def _resize(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    # INTER_LINEAR_EXACT computes in integers: the same result on every processor.
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)


def _between(rng: np.random.Generator, low: int, high: int) -> int:
    return int(rng.integers(low, high + 1))


def _choice(rng: np.random.Generator, options: Any) -> Any:
    return options[int(rng.integers(len(options)))]
