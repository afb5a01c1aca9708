"""mmseg's own pipeline reads the label maps, and reads them exactly."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.registry import DATASETS, DefaultScope

from heracles_mm.datasets import LABEL_CLASSES, ScenesSpec, compose_scene
from heracles_mm.datasets.segmentation import ScenesSegDataset

PIPELINE = [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}, {'type': 'PackSegInputs'}]


@pytest.fixture(autouse=True)
def mmseg_scope():
    with DefaultScope.overwrite_default_scope('mmseg'):
        yield


@pytest.mark.parametrize('split', ['train', 'val'])
def test_loaded_label_maps_are_the_composed_ones(spec: ScenesSpec, split: str) -> None:
    dataset = DATASETS.build(
        {'type': 'ScenesSegDataset', 'split': split, 'pipeline': PIPELINE, **spec.as_dict()}
    )
    assert isinstance(dataset, ScenesSegDataset)
    assert len(dataset) == spec.count(split)
    seen = set()
    for index in range(len(dataset)):
        scene = compose_scene(spec, split, index)
        loaded = dataset[index]
        labels = loaded['data_samples'].gt_sem_seg.data.numpy()[0]
        assert np.array_equal(loaded['inputs'].numpy(), scene.image.transpose(2, 0, 1))
        # reduce_zero_label: value 1 is class 0. Nothing here is unlabelled.
        assert np.array_equal(labels, scene.labels - 1)
        seen |= set(np.unique(labels).tolist())
    assert seen == set(range(len(LABEL_CLASSES)))
    assert dataset.metainfo['classes'] == LABEL_CLASSES
    assert len(dataset.metainfo['palette']) == len(LABEL_CLASSES)


@pytest.mark.usefixtures('own_cache')
def test_zero_would_be_ignored() -> None:
    # No scene has an unlabelled pixel, so make some: they must reach the model as 255.
    dataset = ScenesSegDataset('val', pipeline=PIPELINE, num_train=5, num_val=5, size=128)
    path = Path(dataset.get_data_info(0)['seg_map_path'])
    labels = np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))
    labels[:10] = 0
    cv2.imwrite(str(path), labels)
    loaded = dataset[0]['data_samples'].gt_sem_seg.data.numpy()[0]
    assert np.all(loaded[:10] == 255) and np.all(loaded[10:] < 9)


def test_a_wrong_option_is_named() -> None:
    with pytest.raises(TypeError, match='has no option reduce_zero_label; it has split, num_train'):
        ScenesSegDataset('val', reduce_zero_label=False)
    with pytest.raises(ValueError, match='the scenes have train and val'):
        ScenesSegDataset('training')


def test_its_meta_information_costs_no_scenes(own_cache: Path) -> None:
    """The libraries' inferencers build a data set with lazy_init for the names of its classes."""
    dataset = ScenesSegDataset('val', num_train=2, num_val=2, size=128, lazy_init=True)
    assert dataset.metainfo['classes']
    assert not own_cache.exists()
    assert len(dataset) == 2
    assert own_cache.exists()
