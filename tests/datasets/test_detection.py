"""mmdet's own pipeline reads the scenes, and reads them exactly."""

from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

from heracles_mm.datasets import OBJECT_CLASSES, ScenesSpec, compose_scene
from heracles_mm.datasets.detection import ScenesDataset
from heracles_mm.datasets.parts import OBJECT_PALETTE

PIPELINE = [
    {'type': 'LoadImageFromFile'},
    {'type': 'LoadAnnotations', 'with_bbox': True, 'with_mask': True, 'with_seg': True},
    {'type': 'PackDetInputs'},
]


@pytest.fixture(autouse=True)
def mmdet_scope():
    with DefaultScope.overwrite_default_scope('mmdet'):
        yield


def build(spec: ScenesSpec, **options) -> ScenesDataset:
    return DATASETS.build(
        {'type': 'ScenesDataset', 'pipeline': PIPELINE, **spec.as_dict(), **options}
    )


@pytest.mark.parametrize('split', ['train', 'val'])
def test_loaded_pictures_boxes_and_masks_are_the_composed_ones(
    spec: ScenesSpec, split: str
) -> None:
    dataset = build(spec, split=split)
    assert len(dataset) == spec.count(split)
    for index in range(len(dataset)):
        scene = compose_scene(spec, split, index)
        loaded = dataset[index]
        instances = loaded['data_samples'].gt_instances
        expected = np.stack([scene.ids == k for k in range(1, len(scene.objects) + 1)])
        assert np.array_equal(loaded['inputs'].numpy(), scene.image.transpose(2, 0, 1))
        assert np.array_equal(instances.masks.masks, expected)
        assert np.array_equal(
            instances.bboxes.tensor.numpy(), instances.masks.get_bboxes('hbox').tensor.numpy()
        )
        assert instances.labels.tolist() == [o.part.category - 1 for o in scene.objects]
        semantic = loaded['data_samples'].gt_sem_seg.sem_seg.numpy()[0]
        assert np.array_equal(semantic, scene.labels)
        assert len(loaded['data_samples'].ignored_instances) == 0


def test_a_config_that_names_no_path_builds_it(spec: ScenesSpec) -> None:
    config = Config.fromstring(
        'custom_imports = dict(imports=["heracles_mm", "heracles_mm.datasets.detection"],'
        ' allow_failed_imports=False)\n'
        'dataset = dict(type="ScenesDataset", split="val", num_train=24, num_val=24, size=128,'
        ' object_px=[26, 96], seed=3, filter_cfg=dict(filter_empty_gt=True), test_mode=True)',
        '.py',
    )
    dataset = DATASETS.build(config.dataset)
    assert isinstance(dataset, ScenesDataset)
    assert dataset.metainfo['classes'] == OBJECT_CLASSES
    assert dataset.metainfo['palette'] == OBJECT_PALETTE
    assert dataset.metainfo['scenes'] == {'split': 'val', **spec.as_dict()}
    assert len(dataset) == 24


def test_a_subset_of_classes_and_pictures(spec: ScenesSpec) -> None:
    dataset = build(spec, split='train', indices=10, metainfo={'classes': ('shoe',)})
    assert len(dataset) == 10
    labels = [i['bbox_label'] for n in range(10) for i in dataset.get_data_info(n)['instances']]
    assert set(labels) == {0}


@pytest.mark.parametrize(
    ('options', 'error', 'said'),
    [
        ({'split': 'test'}, ValueError, "unknown split 'test'; the scenes have train and val"),
        ({'split': 'val', 'num_vall': 3}, TypeError, 'has no option num_vall; it has split, num_'),
        ({'split': 'val', 'data_root': 'x'}, TypeError, 'has no option data_root'),
        ({'split': 'val', 'size': 32}, ValueError, 'size must be from 64'),
    ],
)
def test_a_wrong_option_is_named(options: dict, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        ScenesDataset(**options)


def test_its_meta_information_costs_no_scenes(own_cache: Path) -> None:
    """The libraries' inferencers build a data set with lazy_init for the names of its classes."""
    dataset = ScenesDataset('val', num_train=2, num_val=2, size=128, lazy_init=True)
    assert dataset.metainfo['classes']
    assert not own_cache.exists()
    assert len(dataset) == 2
    assert own_cache.exists()
