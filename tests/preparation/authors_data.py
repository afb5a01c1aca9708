"""Small pictures in the folders and numbers of the authors of each data set.

Each function writes a data set and returns what is drawn: masks by the name of the picture.
"""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 40, 34
"""In px: what is below 32 our configs leave out."""
CAMVID = {'train': 367, 'val': 101, 'test': 233}


def colours(seed: int, mode='RGB') -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, len(mode)), np.uint8), mode)


def labels(seed: int, count: int) -> np.ndarray:
    """(HEIGHT, WIDTH) uint8 below ``count``, ragged: no polygon or box could hold the regions."""
    return np.random.default_rng(seed).integers(0, count, (HEIGHT, WIDTH), np.uint8)


def write(path: Path, image: Image.Image | np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(path)


def penn_fudan(folder: Path) -> dict[str, list[np.ndarray]]:
    """170 pictures, with 1 to 3 people each."""
    drawn = {}
    names = [f'FudanPed{i:05d}' for i in range(1, 75)] + [f'PennPed{i:05d}' for i in range(1, 97)]
    for seed, name in enumerate(names):
        people = labels(seed, 2 + seed % 3)
        write(folder / f'PNGImages/{name}.png', colours(seed))
        write(folder / f'PedMasks/{name}_mask.png', people)
        drawn[name] = [people == k for k in range(1, 2 + seed % 3)]
    (folder / 'Annotation').mkdir()
    (folder / 'PNGImages/.DS_Store').touch()
    (folder / 'PNGImages/._PennPed00001.png').touch()  # what a Mac leaves
    return drawn


def camvid(folder: Path) -> dict[str, np.ndarray]:
    drawn = {}
    for split, count in CAMVID.items():
        for i in range(count):
            name, seed = f'{split}_{i:04d}', len(drawn)
            drawn[name] = labels(seed, 12)
            write(folder / f'{split}/{name}.png', colours(seed))
            write(folder / f'{split}annot/{name}.png', drawn[name])
        (folder / f'{split}.txt').touch()
    return drawn


def dsb2018(folder: Path) -> dict[str, list[np.ndarray]]:
    """11 pictures RGBA, with 2 to 4 nuclei and an empty mask each."""
    drawn = {}
    for seed in range(11):
        name, nuclei = f'{seed:04x}', labels(seed, 3 + seed % 3)
        write(folder / f'{name}/images/{name}.png', colours(seed, 'RGBA'))
        drawn[name] = [nuclei == k for k in range(1, 3 + seed % 3)]
        for k, mask in enumerate([*drawn[name], np.zeros_like(nuclei, bool)]):
            write(folder / f'{name}/masks/{k:04x}.png', mask * np.uint8(255))
    return drawn


def coco(folder: Path, ids=(7, 3, 12, 5)) -> dict:
    """COCO's folders with four pictures that are not in the order of their ids."""
    images, annotations = [], []
    for i in ids:
        name = f'{i:012d}.jpg'
        write(folder / 'train2017' / name, colours(i))
        images.append(dict(id=i, file_name=name, width=WIDTH, height=HEIGHT, license=1))
        for k, category in enumerate((2, 9)):
            box = [k, 2, 9, 8]
            outline = [[k, 2, k + 9, 2, k + 9, 10, k, 10]]
            one = dict(id=10 * i + k, image_id=i, category_id=category, bbox=box, iscrowd=0)
            annotations.append(dict(one, area=72, segmentation=outline))
    categories = [dict(id=2, name='cat'), dict(id=9, name='dog'), dict(id=4, name='unused')]
    content = dict(
        info=dict(year=2017), images=images, annotations=annotations, categories=categories
    )
    path = folder / 'annotations/instances_train2017.json'
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))
    return content


def png(image: Image.Image | np.ndarray) -> bytes:
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    content = io.BytesIO()
    image.save(content, 'png')
    return content.getvalue()


SOURCES = {
    'penn-fudan': (penn_fudan, ''),
    'camvid': (camvid, ''),
    'dsb2018': (dsb2018, ''),
    'coco-subset': (coco, 'annotations/instances_train2017.json'),
}
"""What writes each data set, and SRC in its folder."""
