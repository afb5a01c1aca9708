"""The embedded pictures as files, in folders by class, as ImageNet has them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from heracles_mm.datasets.parts import LABEL_CLASSES, SPLITS, BackgroundPart, ObjectPart, load_parts

OBJECT_SHARE = (50, 90)  # percent of the side that the longer side of a product photo takes


def write_pictures(
    root: str | Path, train: int = 40, val: int = 10, side: int = 96, seed: int = 0
) -> None:
    """Write ``root/{train,val}/<class>/0000.png``, 9 classes of real pixels.

    The product photos, enlarged and somewhere on their black ground, are the first 5 classes; crops
    of the photos the other 4. No pixel serves both splits. Sources and licences:
    ``SCENE_PARTS_NOTICE.md``.

    Args:
        root: folder; files of the same names are written over.
        train: pictures of each class; up to 200 product photos of a class are all different.
        val: likewise, up to 50.
        side: of the square pictures, px.
        seed: of places, sizes and crops.
    """
    for split, count in zip(SPLITS, (train, val), strict=True):
        for label, name in enumerate(LABEL_CLASSES, start=1):
            folder = Path(root) / split / name
            folder.mkdir(parents=True, exist_ok=True)
            rng = np.random.default_rng([seed, SPLITS.index(split), label])
            pictures = _pictures(rng, split, label, side)
            for index in range(count):
                _, content = cv2.imencode('.png', next(pictures))
                (folder / f'{index:04}.png').write_bytes(content.tobytes())


def _pictures(rng: np.random.Generator, split: str, label: int, side: int) -> Iterator[Any]:
    parts = load_parts(split)
    while True:
        if objects := parts.objects.get(label):
            for index in rng.permutation(len(objects)):
                yield _product_photo(rng, objects[index], side)
        else:
            yield from (_crop(rng, part, side) for part in parts.backgrounds[label])


def _product_photo(rng: np.random.Generator, part: ObjectPart, side: int) -> np.ndarray:
    h, w = part.grey.shape
    scale = side * rng.integers(OBJECT_SHARE[0], OBJECT_SHARE[1] + 1) / 100 / max(h, w)
    h, w = max(round(h * scale), 1), max(round(w * scale), 1)
    top, left = rng.integers(side - h + 1), rng.integers(side - w + 1)
    picture = np.zeros((side, side), np.uint8)
    picture[top : top + h, left : left + w] = cv2.resize(part.grey, (w, h))
    return np.repeat(picture[..., None], 3, axis=-1)


def _crop(rng: np.random.Generator, part: BackgroundPart, side: int) -> np.ndarray:
    h, w = part.pixels.shape[:2]
    window = int(rng.integers(min(h, w) // 3, min(h, w) // 2))
    top, left = rng.integers(h - window + 1), rng.integers(w - window + 1)
    crop = part.pixels[top : top + window, left : left + window]
    return cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
