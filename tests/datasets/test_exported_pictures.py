"""The embedded pictures as a folder by class: complete, repeatable, no picture twice."""

import cv2
import pytest

from heracles_mm.datasets import LABEL_CLASSES
from heracles_mm.datasets.pictures import write_pictures


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp('pictures')
    write_pictures(root, train=5, val=2, side=48)
    return root


def contents(root, pattern='*/*/*.png') -> dict:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.glob(pattern)}


def test_every_class_has_its_pictures_in_both_splits(folder):
    for split, count in (('train', 5), ('val', 2)):
        assert {path.name for path in (folder / split).iterdir()} == set(LABEL_CLASSES)
        for name in LABEL_CLASSES:
            files = sorted((folder / split / name).iterdir())
            assert [path.name for path in files] == [f'{i:04}.png' for i in range(count)]
            assert cv2.imread(str(files[0])).shape == (48, 48, 3)


def test_no_picture_occurs_twice(folder):
    """Not within a split and not across them: photos and products are split by source."""
    found = contents(folder)
    assert len(set(found.values())) == len(found) == 9 * 7


def test_the_seed_decides_and_the_count_does_not(folder, tmp_path):
    """Fewer pictures are the first of more."""
    write_pictures(tmp_path / 'fewer', train=2, val=1, side=48)
    fewer, whole = contents(tmp_path / 'fewer'), contents(folder)
    assert fewer == {name: whole[name] for name in fewer}
    write_pictures(tmp_path / 'other', train=2, val=1, side=48, seed=1)
    assert not set(contents(tmp_path / 'other').values()) & set(whole.values())
