"""The real pictures the scenes are made of: class tables, train/val split, objects and backgrounds.

Sources and licences of ``scene_parts.npz``: ``SCENE_PARTS_NOTICE.md`` beside this file.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from heracles_mm.errors import UsageError

PARTS_FILE = Path(__file__).with_name('scene_parts.npz')

SPLITS = ('train', 'val')

# Objects: COCO category ids 1 to 5, which are the label-map values 1 to 5 as well.
OBJECT_CLASSES = ('top', 'trouser', 'dress', 'shoe', 'bag')
OBJECT_PALETTE = [(220, 60, 60), (60, 110, 230), (240, 190, 40), (60, 190, 90), (170, 80, 200)]

# Backgrounds: label-map values 6 to 9. Value 0 (unlabelled, ignored) occurs in no scene.
BACKGROUND_CLASSES = ('brick', 'grass', 'gravel', 'photo')
BACKGROUND_PALETTE = [(150, 90, 70), (110, 150, 90), (130, 130, 130), (90, 170, 180)]

LABEL_CLASSES = OBJECT_CLASSES + BACKGROUND_CLASSES
LABEL_PALETTE = OBJECT_PALETTE + BACKGROUND_PALETTE

# Fashion-MNIST class -> index in OBJECT_CLASSES: what cannot be told apart at this size is merged.
MERGED_CLASS = {
    0: 0,  # T-shirt/top
    1: 1,  # trouser
    2: 0,  # pullover
    3: 2,  # dress
    4: 0,  # coat
    5: 3,  # sandal
    6: 0,  # shirt
    7: 3,  # sneaker
    8: 4,  # bag
    9: 3,  # ankle boot
}

# (photo, background class, part shown in train, part shown in val). No pixel serves both splits.
BACKGROUND_SPLIT = (
    ('brick', 'brick', 'left half', 'right half'),
    ('grass', 'grass', 'left half', 'right half'),
    ('gravel', 'gravel', 'left half', 'right half'),
    ('coffee', 'photo', 'whole', None),
    ('astronaut', 'photo', 'whole', None),
    ('chelsea', 'photo', None, 'whole'),
    ('rocket', 'photo', None, 'whole'),
)

OBJECT_THRESHOLD = 8  # a pixel brighter than this belongs to the object, and so does every hole


@dataclass(frozen=True)
class ObjectPart:
    """One product photo, cut to its mask.

    Attributes:
        category: COCO category id and label-map value, 1 to 5.
        row: its row in ``{split}_images`` of the parts file.
        source_index: its row in the original Fashion-MNIST set.
        grey: (h, w) uint8 brightness, h and w at most 28.
        mask: (h, w) uint8, 255 on the object and 0 beside it; touches all four sides.
    """

    category: int
    row: int
    source_index: int
    grey: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True)
class BackgroundPart:
    """The region of one photo that a split may show.

    Attributes:
        label: label-map value, 6 to 9.
        source: name of the photo.
        left: x of the region's first column in the whole photo, in px (its first row is row 0).
        pixels: (h, w, 3) uint8, BGR.
    """

    label: int
    source: str
    left: int
    pixels: np.ndarray


@dataclass(frozen=True)
class Parts:
    """Everything one split may use: objects by category id, backgrounds by label-map value."""

    objects: dict[int, list[ObjectPart]]
    backgrounds: dict[int, list[BackgroundPart]]


@lru_cache(maxsize=1)
def parts_checksum() -> str:
    """sha256 of the parts file, in hex."""
    return hashlib.sha256(PARTS_FILE.read_bytes()).hexdigest()


@lru_cache(maxsize=len(SPLITS))
def load_parts(split: str) -> Parts:
    """The objects and backgrounds of one split; the two splits share no pixel.

    Args:
        split: 'train' or 'val'.

    Raises:
        ValueError: unknown split.
    """
    check_split(split)
    with np.load(PARTS_FILE) as archive:
        return Parts(_load_objects(archive, split), _load_backgrounds(archive, split))


def check_split(split: str) -> None:
    """Raise a ValueError that names the splits unless ``split`` is one of them."""
    if split not in SPLITS:
        raise UsageError(f'unknown split {split!r}; the scenes have {" and ".join(SPLITS)}')


def object_mask(grey: np.ndarray) -> np.ndarray:
    """Mask of a product photo on black: brighter than the threshold, holes filled.

    A hole is a dark region that no path of dark pixels, diagonal steps not counted, joins to the
    border. Exact to about one source pixel.

    Args:
        grey: (h, w) uint8.

    Returns:
        (h, w) uint8, 255 inside and 0 outside.
    """
    dark = (grey <= OBJECT_THRESHOLD).astype(np.uint8)
    ringed = cv2.copyMakeBorder(dark, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    cv2.floodFill(ringed, None, (0, 0), 2, flags=4)
    return np.where(ringed[1:-1, 1:-1] == 2, 0, 255).astype(np.uint8)


def _load_objects(archive: np.lib.npyio.NpzFile, split: str) -> dict[int, list[ObjectPart]]:
    images = archive[f'{split}_images']  # (n, 28, 28)
    labels = archive[f'{split}_labels'].tolist()
    source_indices = archive[f'{split}_source_index'].tolist()
    objects: dict[int, list[ObjectPart]] = {i + 1: [] for i in range(len(OBJECT_CLASSES))}
    for row, (image, label, source_index) in enumerate(
        zip(images, labels, source_indices, strict=True)
    ):
        mask = object_mask(image)
        x, y, w, h = cv2.boundingRect(mask)
        inside = (slice(y, y + h), slice(x, x + w))
        category = MERGED_CLASS[label] + 1
        objects[category].append(
            ObjectPart(category, row, source_index, image[inside].copy(), mask[inside].copy())
        )
    return objects


def _load_backgrounds(archive: np.lib.npyio.NpzFile, split: str) -> dict[int, list[BackgroundPart]]:
    first_label = len(OBJECT_CLASSES) + 1
    backgrounds: dict[int, list[BackgroundPart]] = {
        first_label + i: [] for i in range(len(BACKGROUND_CLASSES))
    }
    for source, name, *shown in BACKGROUND_SPLIT:
        part = shown[SPLITS.index(split)]
        if part is None:
            continue
        photo = np.asarray(cv2.imdecode(archive[f'photo_{source}'], cv2.IMREAD_COLOR))  # (h, w, 3)
        middle = photo.shape[1] // 2
        left, right = {
            'whole': (0, photo.shape[1]),
            'left half': (0, middle),
            'right half': (middle, photo.shape[1]),
        }[part]
        label = first_label + BACKGROUND_CLASSES.index(name)
        backgrounds[label].append(
            BackgroundPart(label, source, left, np.ascontiguousarray(photo[:, left:right]))
        )
    return backgrounds
