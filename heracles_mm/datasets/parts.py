"""The real pictures the scenes are made of: class tables, train/val split, objects and backgrounds.

Sources and licences of ``scene_parts.npz``: ``SCENE_PARTS_NOTICE.md`` beside this file.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from heracles_mm.errors import UsageError

PARTS_FILE = Path(__file__).with_name('scene_parts.npz')

SPLITS = ('train', 'val')

OBJECT_CLASSES = ('top', 'trouser', 'dress', 'shoe', 'bag')
"""COCO category ids 1 to 5, which are the label-map values 1 to 5 as well."""
OBJECT_PALETTE = [(220, 60, 60), (60, 110, 230), (240, 190, 40), (60, 190, 90), (170, 80, 200)]

BACKGROUND_CLASSES = ('brick', 'grass', 'gravel', 'photo')
BACKGROUND_PALETTE = [(150, 90, 70), (110, 150, 90), (130, 130, 130), (90, 170, 180)]

LABEL_CLASSES = OBJECT_CLASSES + BACKGROUND_CLASSES
"""Label-map values 1 to 9; 0 (unlabelled, ignored) occurs in no scene."""
LABEL_PALETTE = OBJECT_PALETTE + BACKGROUND_PALETTE

# Fashion-MNIST's classes, in order -> ours: what looks alike at this size is merged.
MERGED_CLASSES = {
    'T-shirt/top': 'top',
    'trouser': 'trouser',
    'pullover': 'top',
    'dress': 'dress',
    'coat': 'top',
    'sandal': 'shoe',
    'shirt': 'top',
    'sneaker': 'shoe',
    'bag': 'bag',
    'ankle boot': 'shoe',
}

# (photo, background class, shares of its width shown in train and in val). No pixel serves both.
BACKGROUND_SPLIT = (
    ('brick', 'brick', (0, 0.5), (0.5, 1)),
    ('grass', 'grass', (0, 0.5), (0.5, 1)),
    ('gravel', 'gravel', (0, 0.5), (0.5, 1)),
    ('coffee', 'photo', (0, 1), None),
    ('astronaut', 'photo', (0, 1), None),
    ('chelsea', 'photo', None, (0, 1)),
    ('rocket', 'photo', None, (0, 1)),
)

OBJECT_THRESHOLD = 8  # a pixel brighter than this belongs to the object, and so does every hole


@dataclass(frozen=True)
class ObjectPart:
    """One product photo, cut to its mask."""

    category: int  # COCO category id and label-map value, 1 to 5
    row: int  # in ``{split}_images`` of the parts file
    source_index: int  # row in the original Fashion-MNIST set
    grey: np.ndarray  # (h, w) uint8 brightness, h and w at most 28
    mask: np.ndarray  # (h, w) uint8, 255 on the object and 0 beside it; touches all four sides


@dataclass(frozen=True)
class BackgroundPart:
    """The region of one photo that a split may show."""

    label: int  # label-map value, 6 to 9
    source: str  # name of the photo
    left: int  # x of the region's first column in the whole photo, in px; its first row is row 0
    pixels: np.ndarray  # (h, w, 3) uint8, BGR


@dataclass(frozen=True)
class Parts:
    """Everything one split may use: objects by category id, backgrounds by label-map value."""

    objects: dict[int, list[ObjectPart]]
    backgrounds: dict[int, list[BackgroundPart]]


@lru_cache
def load_parts(split: str) -> Parts:
    """The objects and backgrounds of one split, 'train' or 'val'; the two share no pixel.

    Raises:
        ValueError: unknown split.
    """
    check_split(split)
    values = {name: value for value, name in enumerate(LABEL_CLASSES, start=1)}
    parts = Parts(
        objects={values[name]: [] for name in OBJECT_CLASSES},
        backgrounds={values[name]: [] for name in BACKGROUND_CLASSES},
    )
    categories = [values[name] for name in MERGED_CLASSES.values()]
    with np.load(PARTS_FILE) as archive:
        rows = (archive[f'{split}_{name}'] for name in ('images', 'labels', 'source_index'))
        for row, (image, label, source_index) in enumerate(zip(*rows, strict=True)):
            mask = object_mask(image)
            x, y, w, h = cv2.boundingRect(mask)
            grey, mask = (pixels[y : y + h, x : x + w].copy() for pixels in (image, mask))
            part = ObjectPart(categories[label], row, int(source_index), grey, mask)
            parts.objects[part.category].append(part)
        for source, name, *shares in BACKGROUND_SPLIT:
            if shown := shares[SPLITS.index(split)]:
                photo = np.asarray(cv2.imdecode(archive[f'photo_{source}'], cv2.IMREAD_COLOR))
                left, right = (int(share * photo.shape[1]) for share in shown)
                pixels = np.ascontiguousarray(photo[:, left:right])  # (h, w, 3)
                background = BackgroundPart(values[name], source, left, pixels)
                parts.backgrounds[values[name]].append(background)
    return parts


def check_split(split: str) -> None:
    """Raise a ValueError that names the splits unless ``split`` is one of them."""
    if split not in SPLITS:
        raise UsageError(f'unknown split {split!r}; the scenes have {" and ".join(SPLITS)}')


def object_mask(grey: np.ndarray) -> np.ndarray:
    """Mask of a product photo on black: brighter than the threshold, holes filled.

    A hole is a dark region that no path of dark pixels, diagonal steps not counted, joins to the
    border. Takes and gives (h, w) uint8, 255 inside and 0 outside.
    """
    dark = (grey <= OBJECT_THRESHOLD).astype(np.uint8)
    ringed = cv2.copyMakeBorder(dark, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    cv2.floodFill(ringed, None, (0, 0), 2, flags=4)
    return np.where(ringed[1:-1, 1:-1] == 2, 0, 255).astype(np.uint8)
