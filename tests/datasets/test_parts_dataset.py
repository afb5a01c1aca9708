"""The embedded product photos as an mmpretrain data set."""

import numpy as np
import pytest

pytest.importorskip('mmpretrain', reason='the data set is of mmpretrain')

from heracles_mm.datasets.classification import PART_CLASSES, PartsDataset
from heracles_mm.datasets.parts import MERGED_CLASSES, OBJECT_CLASSES, load_parts


@pytest.mark.parametrize(('split', 'each'), [('train', 200), ('val', 50)])
def test_it_holds_the_pictures_that_the_scenes_of_its_split_are_made_of(split, each):
    """Each object of the scenes lies in the picture of its row, under a class merged into its."""
    dataset = PartsDataset(split)
    labels = dataset.get_gt_labels()
    assert np.bincount(labels).tolist() == [each] * len(PART_CLASSES)
    assert dataset.metainfo['classes'] == PART_CLASSES
    for category, parts in load_parts(split).objects.items():
        for part in parts[:20]:
            info = dataset.get_data_info(part.row)
            merged = MERGED_CLASSES[PART_CLASSES[info['gt_label']]]
            assert merged == OBJECT_CLASSES[category - 1]
            picture = info['img']
            assert picture.shape == (28, 28, 3)
            assert picture.dtype == np.uint8
            assert (picture == picture[..., :1]).all()
            inside = picture[..., 0] > 8
            assert part.grey.shape == (np.ptp(np.where(inside.any(1))) + 1,
                                       np.ptp(np.where(inside.any(0))) + 1)  # fmt: skip


def test_it_takes_what_every_data_set_takes():
    dataset = PartsDataset('val', indices=7, pipeline=[dict(type='Resize', scale=40)])
    assert len(dataset) == 7
    assert dataset[0]['img'].shape == (40, 40, 3)


def test_wrong_options_are_answered_with_those_there_are():
    with pytest.raises(TypeError, match='has no option data_root; it has split, metainfo'):
        PartsDataset('train', data_root='x')
    with pytest.raises(ValueError, match="unknown split 'test'"):
        PartsDataset('test')
