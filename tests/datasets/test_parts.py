from collections import defaultdict

import cv2
import numpy as np
import pytest

from heracles_mm.datasets.parts import (
    BACKGROUND_SPLIT,
    LABEL_CLASSES,
    LABEL_PALETTE,
    OBJECT_CLASSES,
    PARTS_FILE,
    SPLITS,
    load_parts,
    object_mask,
)


def test_each_label_has_a_name_and_a_colour_of_its_own() -> None:
    assert len(set(LABEL_CLASSES)) == len(set(LABEL_PALETTE)) == len(LABEL_CLASSES) == 9


@pytest.mark.parametrize('split', SPLITS)
def test_both_splits_own_parts_of_every_class(split: str) -> None:
    parts = load_parts(split)
    assert sorted(parts.objects) == [1, 2, 3, 4, 5]
    assert sorted(parts.backgrounds) == [6, 7, 8, 9]
    assert all(parts.objects.values()) and all(parts.backgrounds.values())


def test_merged_classes_hold_their_share_of_the_ten() -> None:
    # 200 pictures of each of the ten: top merges four of them, shoe three.
    counts = [len(load_parts('train').objects[i + 1]) for i in range(len(OBJECT_CLASSES))]
    assert counts == [800, 200, 200, 600, 200]


def test_the_table_gives_no_column_of_a_photo_to_both_splits() -> None:
    columns: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for split in SPLITS:
        for parts in load_parts(split).backgrounds.values():
            for part in parts:
                columns[part.source][split] |= set(
                    range(part.left, part.left + part.pixels.shape[1])
                )
    assert set(columns) == {row[0] for row in BACKGROUND_SPLIT}
    for used in columns.values():
        assert not used['train'] & used['val']


def test_regions_are_cut_where_they_say() -> None:
    with np.load(PARTS_FILE) as archive:
        photo = np.asarray(cv2.imdecode(archive['photo_brick'], cv2.IMREAD_COLOR))
    part = load_parts('val').backgrounds[6][0]
    assert np.array_equal(photo[:, part.left :], part.pixels)


def test_no_val_picture_is_a_train_picture() -> None:
    # They come from Fashion-MNIST's test and training set; look at the pixels all the same.
    with np.load(PARTS_FILE) as archive:
        train = {image.tobytes() for image in archive['train_images']}
        val = {image.tobytes() for image in archive['val_images']}
    assert not train & val


def test_mask_is_the_threshold_with_holes_filled() -> None:
    grey = np.zeros((8, 8), np.uint8)
    grey[1:6, 1:6] = 200
    grey[3, 3] = 0  # a hole
    grey[5, 5] = 8  # a corner just too dark: open to the border
    expected = np.zeros((8, 8), np.uint8)
    expected[1:6, 1:6] = 255
    expected[5, 5] = 0
    assert np.array_equal(object_mask(grey), expected)


def test_a_shape_that_touches_the_border_is_not_flooded_from_there() -> None:
    assert np.all(object_mask(np.full((4, 4), 9, np.uint8)) == 255)


@pytest.mark.parametrize('split', SPLITS)
def test_objects_are_cut_to_their_mask(split: str) -> None:
    for objects in load_parts(split).objects.values():
        for part in objects:
            assert part.mask.shape == part.grey.shape
            assert part.mask[0].any() and part.mask[-1].any()
            assert part.mask[:, 0].any() and part.mask[:, -1].any()


def test_unknown_split_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown split 'test'; the scenes have train and val"):
        load_parts('test')
