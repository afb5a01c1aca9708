"""mmdet's data: what is refused, with mmdet's own data set as the control."""

import json

import numpy as np
import pytest
import torch
from detection_changes import (
    STAGES,
    annotations,
    boxes_end_outside,
    change,
    corners,
    each,
    evaluator_of_training,
    exif_turned,
    removed,
    run_lengths,
)
from PIL import Image
from small_data import (
    HEIGHT,
    WIDTH,
    assert_refused,
    built,
    coco_content,
    detection_config,
    evaluated,
    option,
)

pytest.importorskip('mmdet')

from mmdet.evaluation import CocoMetric


@pytest.fixture
def cfg(tmp_path):
    return detection_config(tmp_path)


def text_of_file(text):
    def write(cfg):
        with open(f'{cfg.train_dataloader.dataset.data_root}/train.json', 'w') as file:
            file.write(text)

    return write


def shrunk(cfg):
    for i in range(1, 5):
        path = f'{cfg.train_dataloader.dataset.data_root}/train/train_{i}.jpg'
        Image.open(path).resize((32, 24)).save(path)


def damaged(cfg):
    root = cfg.train_dataloader.dataset.data_root
    with open(f'{root}/train/train_3.jpg', 'wb') as file:
        file.write(b'404')


def no_category_of_classes(cfg):
    for split in STAGES:
        change(cfg, split, categories=[dict(id=3, name='cow'), dict(id=7, name='dog')])


def swapped_categories(cfg):
    change(cfg, categories=[dict(id=7, name='dog'), dict(id=3, name='cat')])


def labels(data):
    return [label for item in data for label in item['data_samples'].gt_instances.labels.tolist()]


def names_are_swapped(cfg):
    """An annotation of 'dog' gets the label of another class."""
    data = built(cfg, 'train')
    found = {labels([item])[-1] for item in data}
    return found and data.metainfo['classes'].index('dog') not in found


def labels_beyond_the_classes(cfg):
    return max(labels(built(cfg, 'train'))) >= 2


def pictures_are_dropped(cfg):
    return len(built(cfg, 'train')) < 4


def masks_are_not_in_their_boxes(cfg):
    for item in built(cfg, 'train'):
        instances = item['data_samples'].gt_instances
        for box, mask in zip(instances.bboxes.tensor.int(), instances.masks.masks, strict=True):
            x1, y1, x2, y2 = box.tolist()
            if mask.max() > 1 or mask[y1:y2, x1:x2].mean() < 0.9:  # memory of others, or elsewhere
                return True
    return False


def nothing_is_trained(cfg):
    return not any(len(item['data_samples'].gt_instances) for item in built(cfg, 'train'))


def every_item_is_made(cfg):
    list(built(cfg, 'train'))
    return False  # unless it raised


def the_text_is_taken_for_letters(cfg):
    return len(built(cfg, 'train').metainfo['classes']) == 3


def a_loss_has_no_such_class(cfg):
    found = torch.tensor(labels(built(cfg, 'train')))
    torch.nn.functional.cross_entropy(torch.zeros(len(found), 1), found)


def a_prediction_is_no_category(cfg):
    """CocoMetric looks the label up among the categories."""
    metric = CocoMetric(ann_file=cfg.val_evaluator.ann_file)
    metric.dataset_meta = built(cfg, 'val').metainfo
    last = cfg.model.roi_head.bbox_head.num_classes - 1
    prediction = dict(
        img_id=101, bboxes=np.ones((1, 4)), scores=np.ones(1), labels=np.array([last])
    )
    metric.cat_ids = metric._coco_api.get_cat_ids(cat_names=metric.dataset_meta['classes'])
    metric.results2json([prediction], f'{cfg.val_dataloader.dataset.data_root}/out')


def of_the_same_ids(cfg):
    """As in a file of another split that is numbered anew from the same number."""
    moved = {'image_id': lambda one: one['image_id'] + 100, 'bbox': [1, 1, 9, 9], 'area': 81}
    change(cfg, images=each(id=lambda one: one['id'] + 100), annotations=each(**moved))
    evaluator_of_training(cfg)


def box_ap(cfg):
    return evaluated(cfg, CocoMetric)['coco/bbox_mAP']


REFUSED = {
    'empty': (text_of_file(''), ['train.json is empty'], every_item_is_made),
    'cut short': (
        text_of_file(json.dumps(coco_content())[:200]),
        ['is not whole JSON', 'line 1'],
        every_item_is_made,
    ),
    'a list': (text_of_file('[]'), ['no list of images and of categories'], every_item_is_made),
    'no categories': (
        lambda cfg: change(cfg, categories=None),
        ['no list of categories'],
        every_item_is_made,
    ),
    'no pictures': (lambda cfg: change(cfg, images=[]), ['names no pictures'], every_item_is_made),
    'no height': (
        lambda cfg: change(cfg, images=each(height=None)),
        ['images without a sound height'],
        every_item_is_made,
    ),
    'a width of text': (
        lambda cfg: change(cfg, images=each(width='64')),
        ['images without a sound width'],
        every_item_is_made,
    ),
    'annotations without id': (annotations(id=None), ['without a sound id'], every_item_is_made),
    'an annotation that is no dict': (
        lambda cfg: change(cfg, annotations=[3]),
        ['annotations without a sound id'],
        every_item_is_made,
    ),
    'a box of two numbers': (
        annotations(bbox=[1, 2]),
        ['8 of the 8 annotations', 'id 2', 'bbox of four numbers', '[1, 2]'],
        every_item_is_made,
    ),
    'a box of texts': (annotations(bbox=['1', '2', '9', '9']), ['of four'], every_item_is_made),
    'a box that is no number': (
        annotations(bbox=[float('nan'), 1, 9, 9]),
        ['bbox of four numbers'],
        nothing_is_trained,
    ),
    'no area': (annotations(area=None), ['need an area'], every_item_is_made),
    'one id for all annotations': (
        annotations(id=0),
        ['8 of the 8 annotations', 'share 1 id (0)'],
        every_item_is_made,
    ),
    'ids begin anew in each picture': (
        annotations(id=lambda one: one['id'] % 2),
        ['8 of the 8 annotations', 'share 2 ids (0, 1)'],
        every_item_is_made,
    ),
    'one id for two pictures': (
        lambda cfg: change(cfg, images=lambda all: [all[0], {**all[1], 'id': 1}, *all[2:]]),
        ['2 of the 4 pictures', 'share 1 id (1 is of train_1.jpg'],
        pictures_are_dropped,
    ),
    'one id for two categories': (
        lambda cfg: change(cfg, categories=each(id=3)),
        ['2 categories of', 'have the id 3'],
        lambda cfg: set(labels(built(cfg, 'train'))) == {1},
    ),
    'the group of Roboflow': (
        lambda cfg: change(cfg, categories=lambda all: [dict(id=0, name='cat'), *all]),
        ["have the name 'cat'", 'take category 0', 'Roboflow'],
        labels_beyond_the_classes,
    ),
    'a name for two categories in use': (
        lambda cfg: change(cfg, categories=lambda all: [*all, dict(id=8, name='dog')]),
        ['2 categories of', "the name 'dog'"],
        lambda cfg: len(built(cfg, 'train').cat_ids) == 3,
    ),
    'other categories': (
        no_category_of_classes,
        ['1 of the 2 classes', '(cat)', 'which has 2 (cow, dog)', 'metainfo', 'num_classes'],
        names_are_swapped,
    ),
    'another order': (
        swapped_categories,
        ['another order', "classes=('dog', 'cat')"],
        names_are_swapped,
    ),
    'corners': (
        annotations(bbox=corners),
        ['8 of the 8 annotations', '(x1, y1, x2, y2)', 'write'],
        boxes_end_outside,
    ),
    'corners near the origin, with their areas': (
        annotations(bbox=[5, 6, 20, 16], area=150),
        ['8 of the 8 annotations', '(x1, y1, x2, y2)', 'write'],
        masks_are_not_in_their_boxes,
    ),
    'classes of another data set': (
        lambda cfg: change(cfg, categories=[dict(id=3, name='hat'), dict(id=7, name='vest')]),
        ['no instance to train on (2 of the 2 classes', 'which has 2 (hat, vest)', 'metainfo'],
        nothing_is_trained,
    ),
    'fractions of the picture': (
        annotations(bbox=[0.2, 0.2, 0.4, 0.4]),
        ['no instance to train on', '8 with a width or height below 1 px'],
        nothing_is_trained,
    ),
    'areas of zero': (annotations(area=0), ['no instance', '8 with an area'], nothing_is_trained),
    'all outside': (
        annotations(bbox=[70, 5, 9, 9]),
        ['no instance', '8 with a box outside'],
        nothing_is_trained,
    ),
    'all crowds': (annotations(iscrowd=1), ['no instance', '8 with iscrowd'], nothing_is_trained),
    'all ignored': (annotations(ignore=1), ['no instance', '8 with ignore'], nothing_is_trained),
    'ids of another type': (
        annotations(image_id=lambda one: str(one['image_id'])),
        ['no instance', 'a category or picture that is not used'],
        nothing_is_trained,
    ),
    'nothing annotated': (
        lambda cfg: change(cfg, annotations=[]),
        ['no instance to train on'],
        nothing_is_trained,
    ),
    'nothing annotated, and such pictures filtered': (
        lambda cfg: (
            change(cfg, annotations=[]),
            option('train_dataloader.dataset.filter_cfg', dict(filter_empty_gt=True))(cfg),
        ),
        ['leave none of the 4 pictures', 'filter_empty_gt=False'],
        every_item_is_made,
    ),
    'polygons of two points': (
        annotations(segmentation=[[1, 1, 9, 9]]),
        ['no instance', '8 with no polygon of three points'],
        nothing_is_trained,
    ),
    'no masks': (
        annotations(segmentation=None),
        ['8 of the 8 annotations', 'no mask', 'with_mask=True'],
        every_item_is_made,
    ),
    'one without a mask': (
        lambda cfg: change(cfg, annotations=lambda all: [{**all[0], 'segmentation': []}, *all[1:]]),
        ['1 of the 8 annotations', 'id 2,', 'no mask'],
        every_item_is_made,
    ),
    'a polygon that is no list of polygons': (
        annotations(segmentation=[1, 1, 9, 1, 9, 9]),
        ['neither a list of polygons'],
        every_item_is_made,
    ),
    'run lengths of another size': (
        run_lengths(2 * WIDTH, 2 * HEIGHT),
        ['8 of the 8', f'[{2 * HEIGHT}, {2 * WIDTH}]', f'[{HEIGHT}, {WIDTH}]'],
        masks_are_not_in_their_boxes,
    ),
    'run lengths of height and width swapped': (
        run_lengths(HEIGHT, WIDTH, compressed=False),
        ['8 of the 8', 'run-length mask of another size'],
        masks_are_not_in_their_boxes,
    ),
    'run lengths that do not fill the picture': (
        annotations(segmentation=dict(size=[HEIGHT, WIDTH], counts=[10, 20])),
        ['run-length mask'],
        masks_are_not_in_their_boxes,
    ),
    'turned by EXIF': (
        exif_turned,
        ['4 of the 4 pictures', 'train_1.jpg, id 1, 64x48 in the file and 48x64 as', 'EXIF'],
        boxes_end_outside,
    ),
    'smaller pictures than annotated': (
        shrunk,
        ['4 of the 4 pictures', '64x48 in the file and 32x24 as loaded'],
        boxes_end_outside,
    ),
    'a damaged picture': (damaged, ['1 of the 4 pictures', 'train_3.jpg'], every_item_is_made),
    'a missing picture': (removed, ['1 of the 4 pictures', 'train_3.jpg'], every_item_is_made),
    'a head of fewer classes': (
        option('model.roi_head.bbox_head.num_classes', 1),
        ['4 of the 8 annotations', "'dog'", 'bbox_head.num_classes is 1'],
        a_loss_has_no_such_class,
    ),
    'a head of more classes, evaluated': (
        option('model.roi_head.bbox_head.num_classes', 80),
        ['val_dataloader has 2 classes', 'num_classes is 80', '--cfg-options'],
        a_prediction_is_no_category,
    ),
    'an evaluated file without a class': (
        lambda cfg: change(cfg, 'val', categories=lambda all: all[:1]),
        ['1 of the 2 classes', 'val.json', '(dog)'],
        a_prediction_is_no_category,
    ),
    'an evaluator of other pictures': (
        evaluator_of_training,
        ['train.json, which does not list 4 of the 4', 'val_101.jpg, id 101'],
        box_ap,
    ),
    'an evaluator of other pictures with the same ids': (
        of_the_same_ids,
        ['gives another name to 4 of the 4', 'val_101.jpg'],
        lambda cfg: box_ap(cfg) < 0.9,
    ),
    'a text for the classes': (
        option('train_dataloader.dataset.metainfo', dict(classes='cat')),
        ["classes=('cat',)"],
        the_text_is_taken_for_letters,
    ),
    'no classes': (
        option('train_dataloader.dataset.metainfo', dict(classes=())),
        ['have no classes'],
        lambda cfg: labels(built(cfg, 'train')) and not built(cfg, 'train').metainfo['classes'],
    ),
}
"""What is done to sound data, words of the refusal, and what mmdet makes of it."""


@pytest.mark.parametrize('case', REFUSED)
def test_a_refusal_names_the_fault_and_mmdet_fails_or_learns_nonsense(case, cfg):
    assert_refused(*REFUSED[case], cfg)
