"""LVIS' annotations, which mmdet numbers by all categories of the file, and its package."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from small_data import (
    assert_refused,
    built,
    coco_content,
    detection_config,
    evaluated,
    lvis_config,
    outcome,
)

pytest.importorskip('mmdet')

from heracles_mm.data_checks import config_options


@pytest.fixture
def cfg(tmp_path):
    pytest.importorskip('lvis', reason="LVIS' own package: pip install 'heracles-mm[lvis]'")
    return lvis_config(tmp_path)


def changed(action, split='train'):
    def change(cfg):
        path = Path(cfg.train_dataloader.dataset.data_root) / f'{split}.json'
        content = json.loads(path.read_text())
        path.write_text(json.dumps(action(content) or content))

    return change


def one_class(cfg):
    """Of two in the file, as CocoDataset takes it."""
    for split in ('train', 'val'):
        cfg[f'{split}_dataloader'].dataset.metainfo = dict(classes=('dog',))
    for head in ('bbox_head', 'mask_head'):
        cfg.model.roi_head[head].num_classes = 1


def without(key, name):
    def action(content):
        for one in content[key]:
            del one[name]

    return action


def every_item_is_made(cfg):
    list(built(cfg, 'train'))
    return False  # unless it raised


def labels_beyond_the_classes(cfg):
    found = [item['data_samples'].gt_instances.labels for item in built(cfg, 'train')]
    return max(torch.cat(found)) >= 1


def box_ap(cfg):
    from mmdet.evaluation import LVISMetric

    import heracles_mm.datasets.lvis_numpy  # noqa: F401

    return evaluated(cfg, LVISMetric)['lvis/bbox_AP']


REFUSED = {
    'some of the classes': (
        one_class,
        ['has 2 categories and the data set 1 classes', 'by all categories', 'CocoDataset'],
        labels_beyond_the_classes,
    ),
    "COCO's form": (
        changed(lambda content: coco_content()),
        ["LVIS v1's", 'images without a sound coco_url'],
        every_item_is_made,
    ),
    'no frequencies to evaluate by': (
        changed(without('categories', 'frequency'), 'val'),
        ['val.json has categories without frequency', 'LVISMetric'],
        box_ap,
    ),
    'no lists of what was not looked for': (
        changed(without('images', 'neg_category_ids'), 'val'),
        ['val.json has images without neg_category_ids'],
        box_ap,
    ),
    'a missing picture': (
        lambda cfg: (Path(cfg.train_dataloader.dataset.data_root) / 'train/train_3.jpg').unlink(),
        ['1 of the 4 pictures', 'train/train_3.jpg'],
        every_item_is_made,
    ),
}


@pytest.mark.parametrize('case', REFUSED)
def test_a_refusal_names_the_fault_and_mmdet_fails_or_learns_nonsense(case, cfg):
    assert_refused(*REFUSED[case], cfg)


def test_sound_data_pass_and_are_evaluated_on_todays_numpy(cfg):
    """lvis 0.5.3 computes by a name that numpy 1.24 took away."""
    assert outcome(cfg) == (None, [])
    assert box_ap(cfg) == pytest.approx(1)
    assert np.float is float


def test_other_spellings_of_the_classes_are_a_warning(cfg):
    """The labels are the file's, whatever the names."""
    for split in ('train', 'val'):
        cfg[f'{split}_dataloader'].dataset.metainfo = dict(classes=('a cat', 'dog'))
    refusal, warnings = outcome(cfg)
    assert refusal is None
    assert '1 of the 2 classes are other names' in warnings[0]


def test_without_its_package_the_way_to_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(config_options, 'find_spec', lambda name: None)
    cfg = detection_config(tmp_path)
    cfg.train_dataloader.dataset.type = 'LVISV1Dataset'
    assert "pip install 'heracles-mm[lvis]'" in outcome(cfg)[0]
