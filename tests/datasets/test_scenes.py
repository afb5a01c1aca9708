"""What is written describes what is seen, to the pixel."""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pycocotools.mask as mask_utils
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools.coco import COCO

from heracles_mm.datasets import LABEL_CLASSES, ScenesSpec, compose_scene
from heracles_mm.datasets.parts import PARTS_FILE, SPLITS
from heracles_mm.datasets.scene_files import iter_split_files, uncompressed_rle
from heracles_mm.datasets.scenes import GENERATOR_VERSION

CocoJson = Callable[[str], dict]


def digest(spec: ScenesSpec) -> str:
    result = hashlib.sha256()
    for split in SPLITS:
        for path, content in iter_split_files(spec, split):
            result.update(path.encode() + content)
    return result.hexdigest()


def read_labels(folder: Path, split: str, file_name: str) -> np.ndarray:
    labels = cv2.imread(str(folder / 'labels' / split / file_name), cv2.IMREAD_UNCHANGED)
    return np.asarray(labels)


def test_same_seed_same_bytes_and_another_seed_others() -> None:
    spec = ScenesSpec(num_train=3, num_val=3, size=128)
    assert digest(spec) == digest(spec)
    assert digest(spec) != digest(ScenesSpec(num_train=3, num_val=3, size=128, seed=1))


def test_no_change_of_the_scenes_goes_unnoticed() -> None:
    # If this fails on purpose, count GENERATOR_VERSION up, or caches go on serving the old scenes.
    # Geometry only: it is drawn and scaled in integers, while colours depend on the JPEG decoder.
    result = hashlib.sha256()
    for split in SPLITS:
        for index in range(10):
            scene = compose_scene(ScenesSpec(), split, index)
            result.update(scene.ids.tobytes() + scene.labels.tobytes())
    assert (GENERATOR_VERSION, result.hexdigest()[:16]) == (2, 'e91e75dadb9892a7')


def test_a_picture_does_not_depend_on_the_counts() -> None:
    # Each has a generator of its own, so a longer set begins with the shorter one.
    for split in SPLITS:
        short = compose_scene(ScenesSpec(num_train=2, num_val=2), split, 1)
        long = compose_scene(ScenesSpec(num_train=900, num_val=90), split, 1)
        assert np.array_equal(short.image, long.image)
        assert np.array_equal(short.ids, long.ids)


@pytest.mark.parametrize('split', SPLITS)
def test_files_hold_what_was_composed(spec: ScenesSpec, folder: Path, split: str) -> None:
    for index in range(0, spec.count(split), 5):
        scene = compose_scene(spec, split, index)
        file_name = f'{index:06d}.png'
        image = cv2.imread(str(folder / 'images' / split / file_name), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(np.asarray(image), scene.image)
        assert np.array_equal(read_labels(folder, split, file_name), scene.labels)


@pytest.mark.parametrize('split', SPLITS)
def test_masks_by_pycocotools_are_the_composed_ones(
    spec: ScenesSpec, folder: Path, split: str
) -> None:
    coco = COCO(str(folder / f'annotations/instances_{split}.json'))
    for image_id in coco.getImgIds():
        scene = compose_scene(spec, split, image_id)
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=[image_id]))
        assert len(annotations) == scene.ids.max() == len(scene.objects)
        for k, annotation in enumerate(annotations, start=1):
            assert np.array_equal(coco.annToMask(annotation), scene.ids == k)


@pytest.mark.parametrize('split', SPLITS)
def test_label_maps_and_instances_agree(folder: Path, coco_json: CocoJson, split: str) -> None:
    content = coco_json(split)
    by_image = defaultdict(list)
    for annotation in content['annotations']:
        by_image[annotation['image_id']].append(annotation)
    for image in content['images']:
        labels = read_labels(folder, split, image['file_name'])
        assert labels.shape == (image['height'], image['width'])
        assert labels.dtype == np.uint8
        covered = np.zeros(labels.shape, int)
        for annotation in by_image[image['id']]:
            mask = mask_utils.decode(
                mask_utils.frPyObjects(annotation['segmentation'], *labels.shape)
            )
            covered += mask
            assert np.all(labels[mask == 1] == annotation['category_id'])
        assert covered.max() <= 1  # no pixel belongs to two objects
        # No object without an annotation: all that is not covered is a recorded background.
        allowed = {background['label'] for background in image['backgrounds']}
        assert set(np.unique(labels[covered == 0]).tolist()) <= allowed
        assert labels.min() > 0


@pytest.mark.parametrize('split', SPLITS)
def test_boxes_are_tight_and_areas_exact(coco_json: CocoJson, split: str) -> None:
    for annotation in coco_json(split)['annotations']:
        segmentation = annotation['segmentation']
        mask = mask_utils.decode(mask_utils.frPyObjects(segmentation, *segmentation['size']))
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        x, y, w, h = annotation['bbox']
        assert [x, y] == [columns[0], rows[0]]
        assert [x + w, y + h] == [columns[-1] + 1, rows[-1] + 1]
        assert annotation['area'] == mask.sum()
        assert annotation['iscrowd'] == 0


@pytest.mark.parametrize('split', SPLITS)
def test_no_object_is_hidden_by_more_than_half(coco_json: CocoJson, split: str) -> None:
    hidden = 0
    for annotation in coco_json(split)['annotations']:
        assert annotation['full_area'] / 2 <= annotation['area'] <= annotation['full_area']
        hidden += annotation['area'] < annotation['full_area']
    assert hidden > 5  # occlusion does occur, or this test and the masks would prove little


def test_objects_are_as_many_and_as_long_as_asked() -> None:
    spec = ScenesSpec(size=128, objects=(2, 4), object_px=(20, 30))
    seen = set()
    for index in range(40):
        scene = compose_scene(spec, 'train', index)
        seen.add(len(scene.objects))
        # The first object never hangs over an edge; with nothing over it its box is whole.
        first = np.argwhere(scene.ids == 1)
        if len(first) == scene.objects[0].full_area:
            assert 20 <= max(np.ptp(first, axis=0) + 1) <= 30
    assert seen == {2, 3, 4}


def test_every_picture_holds_an_object_even_where_room_is_scarce() -> None:
    spec = ScenesSpec(size=64, objects=(5, 5), object_px=(64, 64))
    for index in range(30):
        assert len(compose_scene(spec, 'val', index).objects) >= 1


@pytest.mark.parametrize('split', SPLITS)
def test_every_class_and_label_occurs_in_five_pictures(split: str) -> None:
    labels = set()
    for index in range(5):
        scene = compose_scene(ScenesSpec(), split, index)
        labels |= set(np.unique(scene.labels).tolist())
    assert labels == set(range(1, len(LABEL_CLASSES) + 1))


def test_class_and_background_keep_no_company() -> None:
    # Both take turns over the pictures; twenty pictures must show all pairs of 5 classes, 4 labels.
    pairs = set()
    for index in range(20):
        scene = compose_scene(ScenesSpec(), 'train', index)
        pairs.add((scene.objects[0].part.category, scene.backgrounds[0]['label']))
    assert len(pairs) == 20


def test_splits_share_no_object_and_no_background_pixel(coco_json: CocoJson) -> None:
    with np.load(PARTS_FILE) as archive:
        pictures = {split: archive[f'{split}_images'] for split in SPLITS}
        source_indices = {split: archive[f'{split}_source_index'] for split in SPLITS}
    objects: dict[str, set[bytes]] = defaultdict(set)
    backgrounds: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for split in SPLITS:
        content = coco_json(split)
        for annotation in content['annotations']:
            row = annotation['row']
            assert source_indices[split][row] == annotation['source_index']
            objects[split].add(pictures[split][row].tobytes())
        for image in content['images']:
            for background in image['backgrounds']:
                x, _, width, _ = background['window']
                backgrounds[split] |= {(background['source'], c) for c in range(x, x + width)}
    assert objects['train'] and not objects['train'] & objects['val']
    assert backgrounds['train'] and not backgrounds['train'] & backgrounds['val']


@given(hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_run_lengths_hold_any_mask(mask: np.ndarray) -> None:
    rle = uncompressed_rle(mask)
    assert sum(rle['counts']) == mask.size
    assert np.array_equal(mask_utils.decode(mask_utils.frPyObjects(rle, *mask.shape)), mask)


def test_unknown_split_is_named() -> None:
    with pytest.raises(ValueError, match='the scenes have train and val'):
        compose_scene(ScenesSpec(), 'minival', 0)
