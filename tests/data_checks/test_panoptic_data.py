"""COCO's panoptic annotations: what is refused, with mmdet's own data set and heads as the
control."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from PIL import Image
from small_data import (
    HEIGHT,
    WIDTH,
    assert_refused,
    assert_taken,
    built,
    coco_content,
    option,
    outcome,
    panoptic_config,
    write_coco,
)

pytest.importorskip('mmdet')

from mmdet.models import MaskFormerFusionHead
from mmdet.models.losses import CrossEntropyLoss


@pytest.fixture
def cfg(tmp_path):
    return panoptic_config(tmp_path)


def changed(action, split='train'):
    """Let ``action`` change the content of the JSON file."""

    def change(cfg):
        path = Path(cfg.train_dataloader.dataset.data_root) / f'panoptic_{split}.json'
        content = json.loads(path.read_text())
        content = action(content) or content
        path.write_text(json.dumps(content))

    return change


def segments(**fields):
    def action(content):
        for one in content['annotations']:
            one['segments_info'][1].update(fields)

    return changed(action)


def maps(make):
    """Save what ``make`` makes of each map of ids (H, W)."""

    def change(cfg):
        root = Path(cfg.train_dataloader.dataset.data_root) / 'panoptic_train'
        for path in root.iterdir():
            ids = np.asarray(Image.open(path)).astype(int) @ [1, 256, 256**2]
            Image.fromarray(make(ids)).save(path)

    return change


def coded(ids):
    return np.stack([ids % 256, ids // 256 % 256, ids // 256**2], -1).astype(np.uint8)


def stuff_first(cfg):
    for split in ('train', 'val'):
        changed(
            lambda content: content['categories'].insert(0, content['categories'].pop()), split
        )(cfg)
        data = cfg[f'{split}_dataloader'].dataset
        data.metainfo.classes = ('grass', 'cat', 'dog')


def classes_alone(cfg):
    """mmdet keeps COCO's things and stuff."""
    cfg.train_dataloader.dataset.metainfo = dict(classes=('cat', 'dog', 'grass'))


# What mmdet does on the refused input.


def every_item_is_made(cfg):
    list(built(cfg, 'train'))
    return False  # unless it raised


def things_are_not_the_first_labels(cfg):
    return max(built(cfg, 'train')[0]['data_samples'].gt_instances.labels) >= 2


def coco_things_are_kept(cfg):
    return len(built(cfg, 'train').metainfo['thing_classes']) == 80


def all_masks_are_empty(cfg):
    samples = [item['data_samples'] for item in built(cfg, 'train')]
    return all(
        not one.gt_instances.masks.masks.any() and (one.gt_sem_seg.sem_seg == 255).all()
        for one in samples
    )


def maps_are_not_as_large_as_pictures(cfg):
    item = built(cfg, 'train')[0]
    return item['data_samples'].gt_sem_seg.sem_seg.shape[-2:] != item['inputs'].shape[-2:]


def grass_is_taken_for_a_thing(cfg):
    found = built(cfg, 'train')[0]['data_samples'].gt_sem_seg.sem_seg
    return 2 in found and cfg.model.panoptic_head.num_things_classes > 2


def perfect_predictions_are_read_as_others(cfg):
    """Two queries, of class 0 and 1, by a head of two classes and no object."""
    head = MaskFormerFusionHead(3, 1, test_cfg=ConfigDict(max_per_image=2))
    masks = torch.stack([torch.full((4, 4), 9.0), torch.full((4, 4), -9.0)])
    scores = torch.tensor([[9.0, 0, 0, 0], [0, 9.0, 0, 0]])
    found = head.instance_postprocess(scores, masks)
    return sorted(found.labels.tolist()) != [0, 1] or found.masks[0].all() == found.masks[1].all()


def a_loss_has_other_weights(cfg):
    CrossEntropyLoss(class_weight=[1.0] * 3)(torch.zeros(2, 4), torch.tensor([0, 3]))


REFUSED = {
    'instances in place of segments': (
        changed(lambda content: coco_content()),
        ["COCO's panoptic ones", 'categories without a sound isthing'],
        every_item_is_made,
    ),
    'stuff before things': (
        stuff_first,
        ['stuff (grass) before things (dog)', 'list all things first'],
        things_are_not_the_first_labels,
    ),
    'classes without things and stuff': (
        classes_alone,
        ['has 80 thing_classes', 'num_things_classes is 2', 'metainfo=dict(thing_classes=(...))'],
        coco_things_are_kept,
    ),
    'things by other names': (
        option('train_dataloader.dataset.metainfo.thing_classes', ('cat', 'emu')),
        ['2 categories of things', '(cat, dog)', '(cat, emu)'],
        lambda cfg: built(cfg, 'train').metainfo['thing_classes'][1] == 'emu',
    ),
    'an unknown category': (
        segments(category_id=5),
        ['picture with id 1', 'the category 5', 'none of the 3 classes'],
        every_item_is_made,
    ),
    'no box': (
        segments(bbox=None),
        ['3 of the 9 annotations', "'501 of 1'", 'a bbox of four numbers'],
        every_item_is_made,
    ),
    'ids in one channel': (
        maps(lambda ids: (ids % 256).astype(np.uint8)),
        ['no segment', 'of mode L', 'R + 256 G'],
        all_masks_are_empty,
    ),
    'colours the other way round': (
        maps(lambda ids: coded(ids)[..., ::-1].copy()),
        ['no segment', 'of mode RGB', 'R + 256 G'],
        all_masks_are_empty,
    ),
    'maps of another size': (
        maps(lambda ids: coded(ids[::2, ::2])),
        ['3 of the 3 panoptic maps', '32x24'],
        maps_are_not_as_large_as_pictures,
    ),
    'a missing map': (
        lambda cfg: (
            Path(cfg.train_dataloader.dataset.data_root) / 'panoptic_train/000002.png'
        ).unlink(),
        ['1 of the 3 panoptic maps', 'are missing', '000002.png', 'data_prefix.seg'],
        every_item_is_made,
    ),
    'heads of more things': (
        lambda cfg: (
            [
                option(f'model.{head}.num_things_classes', 5)(cfg)
                for head in ('panoptic_head', 'panoptic_fusion_head')
            ]
            and option('model.panoptic_head.loss_cls.class_weight', [1.0] * 6 + [0.1])(cfg)
        ),
        ['train_dataloader has 2 thing_classes', 'num_things_classes is 5'],
        grass_is_taken_for_a_thing,
    ),
    'heads that disagree': (
        option('model.panoptic_fusion_head.num_things_classes', 3),
        [
            'panoptic_head.num_things_classes is 2',
            'panoptic_fusion_head.num_things_classes is 3',
            'make them equal',
        ],
        perfect_predictions_are_read_as_others,
    ),
    'weights of other classes': (
        option('model.panoptic_head.loss_cls.class_weight', [1.0] * 3),
        ['class_weight has 3 numbers for 3 classes', '[1.0] * 3 + [0.1]'],
        a_loss_has_other_weights,
    ),
}


@pytest.mark.parametrize('case', REFUSED)
def test_a_refusal_names_the_fault_and_mmdet_fails_or_learns_nonsense(case, cfg):
    assert_refused(*REFUSED[case], cfg)


def test_an_evaluator_of_other_pictures_is_refused(cfg):
    root = Path(cfg.val_dataloader.dataset.data_root)
    cfg.val_evaluator.ann_file = str(root / 'panoptic_train.json')
    refusal, _ = outcome(cfg)
    assert 'panoptic_train.json, which does not list 3 of the 3' in refusal
    cfg.val_evaluator.seg_prefix += '_elsewhere'
    refusal, _ = outcome(cfg)
    assert 'panoptic_val_elsewhere, which does not exist' in refusal


SOUND = {
    'as it is': (lambda cfg: None, []),
    'crowds': (segments(iscrowd=1), ['1 of the 3 classes have no instance', '(dog)']),
    'a segment that is in no map': (
        maps(lambda ids: coded(np.where(ids // 100 == 5, 0, ids))),
        ['3 of the 3 panoptic maps', 'lack segments', 'empty masks'],
    ),
    'a colour that is no segment': (
        maps(lambda ids: coded(np.where(np.arange(WIDTH) < 4, 9, ids))),
        ['3 of the 3 panoptic maps', 'have colours'],
    ),
    'no area': (segments(area=0), ['3 of the 9 annotations', 'an area of zero', 'leaves them out']),
    'a category that is not used': (
        changed(lambda content: content['categories'].append(dict(id=1, name='sky', isthing=0))),
        [],
    ),
}


@pytest.mark.parametrize('case', SOUND)
def test_what_mmdet_trains_is_not_refused(case, cfg):
    make, words = SOUND[case]
    make(cfg)
    assert_taken(words, cfg)
    data = built(cfg, 'train')
    assert [item for item in data if item['inputs'].shape == (3, HEIGHT, WIDTH)]


def test_the_truth_as_prediction_has_full_quality(cfg):
    """By mmdet's metric and what stands in for panopticapi."""
    from mmdet.evaluation import CocoPanopticMetric

    data, options = built(cfg, 'val'), cfg.val_evaluator
    metric = CocoPanopticMetric(ann_file=options.ann_file, seg_prefix=options.seg_prefix)
    metric.dataset_meta = data.metainfo
    for item in data:
        sample = item['data_samples']
        labels = sample.gt_sem_seg.sem_seg
        found = labels + 1000 * (labels + 1)  # mmdet's ids: the label, and 1000 times an instance
        metric.process({}, [dict(sample.metainfo, pred_panoptic_seg=dict(sem_seg=found))])
    qualities = metric.evaluate(len(data))
    assert [qualities[f'coco_panoptic/PQ{kind}'] for kind in ('', '_th', '_st')] == [100] * 3


def test_a_panoptic_model_on_instances_is_warned(cfg, tmp_path):
    """Its first step would fail on a missing map, which the rehearsal shows."""
    for split in ('train', 'val'):
        cfg[f'{split}_dataloader'] = dict(dataset=write_coco(tmp_path, split))
    cfg.val_evaluator = None
    refusal, warnings = outcome(cfg)
    assert refusal is None
    assert 'num_stuff_classes is 1 and the data of train_dataloader have no stuff' in warnings[0]
