"""mmdet's data: what is refused, with mmdet's own data set as the control, and what is not."""

import copy
import json
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.registry import DATASETS
from PIL import Image
from small_data import (
    HEIGHT,
    WIDTH,
    assert_refused,
    built,
    coco_content,
    detection_config,
    option,
    outcome,
    polygon,
    write_coco,
    write_picture,
)

pytest.importorskip('mmdet')

import pycocotools.mask as coco_masks
from mmdet.datasets import CocoDataset
from mmdet.evaluation import CocoMetric

from heracles_mm.data_checks import check_data
from heracles_mm.data_checks.coco import Use, coco_findings
from heracles_mm.errors import UsageError

STAGES = ('train', 'val')


@pytest.fixture
def root(tmp_path):
    return tmp_path


@pytest.fixture
def cfg(root):
    return detection_config(root)


def change(cfg, split='train', **lists):
    """Change the annotation file: each list is a value, or what makes one of the sound one."""
    path = f'{cfg[f"{split}_dataloader"].dataset.data_root}/{split}.json'
    with open(path) as file:
        content = json.load(file)
    for key, value in lists.items():
        content[key] = value(content[key]) if callable(value) else value
    with open(path, 'w') as file:
        json.dump(content, file)


def each(**fields):
    """Set these fields of every entry; a value may be made of the entry, None takes it away."""

    def changed(entries):
        for entry in entries:
            for key, value in fields.items():
                entry[key] = value(entry) if callable(value) else value
                if entry[key] is None:
                    del entry[key]
        return entries

    return changed


def annotations(**fields):
    return lambda cfg: change(cfg, annotations=each(**fields))


def text_of_file(text):
    def write(cfg):
        with open(f'{cfg.train_dataloader.dataset.data_root}/train.json', 'w') as file:
            file.write(text)

    return write


def run_lengths(width, height, compressed=True):
    def mask(one):
        rle = coco_masks.frPyObjects(one['segmentation'], height, width)[0]
        if compressed:
            return dict(size=rle['size'], counts=rle['counts'].decode())
        flat = coco_masks.decode(rle).ravel(order='F')
        edges = np.flatnonzero(np.diff(np.r_[0, flat])).tolist()
        return dict(size=[height, width], counts=np.diff([0, *edges, len(flat)]).tolist())

    return annotations(segmentation=mask)


def corners(one):
    x, y, w, h = one['bbox']
    return [x, y, x + w, y + h]


def exif_turned(cfg):
    exif = Image.Exif()
    exif[0x0112] = 6
    for i in range(1, 5):
        path = f'{cfg.train_dataloader.dataset.data_root}/train/train_{i}.jpg'
        Image.open(path).save(path, exif=exif.tobytes())


def shrunk(cfg):
    for i in range(1, 5):
        path = f'{cfg.train_dataloader.dataset.data_root}/train/train_{i}.jpg'
        Image.open(path).resize((32, 24)).save(path)


def damaged(cfg):
    root = cfg.train_dataloader.dataset.data_root
    with open(f'{root}/train/train_3.jpg', 'wb') as file:
        file.write(b'404')


def removed(cfg):
    root = cfg.train_dataloader.dataset.data_root
    shutil.move(f'{root}/train/train_3.jpg', f'{root}/elsewhere.jpg')


def no_category_of_classes(cfg):
    for split in STAGES:
        change(cfg, split, categories=[dict(id=3, name='cow'), dict(id=7, name='dog')])


def swapped_categories(cfg):
    change(cfg, categories=[dict(id=7, name='dog'), dict(id=3, name='cat')])


# What mmdet does on the refused input: it raises, or what it makes is wrong in this way.


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


def boxes_end_outside(cfg):
    sizes = [(item['inputs'].shape, item['data_samples']) for item in built(cfg, 'train')]
    ends = [sample.gt_instances.bboxes.tensor[:, 2:] for _, sample in sizes]
    return any(
        (end > torch.tensor(shape[:0:-1]) + 1).any()
        for end, (shape, _) in zip(ends, sizes, strict=True)
    )


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


def evaluator_of_training(cfg):
    cfg.val_evaluator.ann_file = f'{cfg.train_dataloader.dataset.data_root}/train.json'


def of_the_same_ids(cfg):
    """As in a file of another split that is numbered anew from the same number."""
    moved = {'image_id': lambda one: one['image_id'] + 100, 'bbox': [1, 1, 9, 9], 'area': 81}
    change(cfg, images=each(id=lambda one: one['id'] + 100), annotations=each(**moved))
    evaluator_of_training(cfg)


def evaluated(cfg):
    """The box AP of predictions that are the annotations of the val data."""
    data = built(cfg, 'val')
    metric = CocoMetric(ann_file=cfg.val_evaluator.ann_file)
    metric.dataset_meta = data.metainfo
    for item in data:
        sample = item['data_samples']
        boxes, classes = sample.gt_instances.bboxes.tensor, sample.gt_instances.labels
        perfect = dict(bboxes=boxes, labels=classes, scores=torch.ones(len(boxes)))
        metric.process({}, [dict(sample.metainfo, pred_instances=perfect)])
    return metric.evaluate(len(data))['coco/bbox_mAP']


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
        evaluated,
    ),
    'an evaluator of other pictures with the same ids': (
        of_the_same_ids,
        ['gives another name to 4 of the 4', 'val_101.jpg'],
        lambda cfg: evaluated(cfg) < 0.9,
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


def subset(cfg):
    """Annotations of fewer classes are used than the file has."""
    for split in STAGES:
        cfg[f'{split}_dataloader'].dataset.metainfo = dict(classes=('dog',))
    cfg.merge_from_dict({'model.roi_head.bbox_head.num_classes': 1})
    cfg.merge_from_dict({'model.roi_head.mask_head.num_classes': 1})


def beside(cfg, root, wrap=lambda data: data, **lists):
    """Another data set beside that of training, with ``lists`` of its own."""
    other = write_coco(root, 'other', {**coco_content(first=201, split='other'), **lists})
    both = [cfg.train_dataloader.dataset, other]
    cfg.train_dataloader = dict(dataset=wrap(dict(type='ConcatDataset', datasets=both)))


def unlabelled(cfg, root):
    """The half of semi-supervised training that has no annotations."""
    beside(cfg, root, annotations=[])
    other = cfg.train_dataloader.dataset.datasets[1]
    other.pipeline = [dict(type='LoadImageFromFile'), dict(type='PackDetInputs')]


def no_list_of_annotations(cfg, root):
    beside(cfg, root)
    path = root / 'other.json'
    content = json.loads(path.read_text())
    del content['annotations']
    path.write_text(json.dumps(content))


def one_name_in_two_roots(cfg, root):
    (root / 'two').mkdir()
    other = write_coco(root / 'two', 'train')
    both = [cfg.train_dataloader.dataset, other]
    cfg.train_dataloader = dict(dataset=dict(type='ConcatDataset', datasets=both))


def wrapped(cfg, root):
    """Wrappers in wrappers."""
    data = cfg.train_dataloader.dataset
    pipeline = data.pipeline
    data.pipeline = pipeline[:2]
    for kind in (
        dict(type='ClassBalancedDataset', oversample_thr=0.1),
        dict(type='RepeatDataset', times=2),
        dict(type='MultiImageMixDataset', pipeline=pipeline[2:]),
    ):
        data = dict(kind, dataset=data)
    cfg.train_dataloader = dict(dataset=data)


def filtered_pictures_are_missing(cfg, root):
    """A picture that is never loaded may be absent."""
    change(cfg, annotations=lambda all: [one for one in all if one['image_id'] != 3])
    (root / 'train/train_3.jpg').unlink()
    cfg.train_dataloader.dataset.filter_cfg = dict(filter_empty_gt=True)


def absolute_names(cfg, root):
    change(cfg, images=each(file_name=lambda one: str(root / 'train' / one['file_name'])))
    cfg.train_dataloader.dataset.data_prefix = dict(img='')


def turned_and_ignored(cfg, root):
    exif_turned(cfg)
    cfg.train_dataloader.dataset.pipeline[0].color_type = 'color_ignore_orientation'


def turned_and_annotated_so(cfg, root):
    exif_turned(cfg)
    change(cfg, images=each(width=HEIGHT, height=WIDTH))
    box = [4, 4, 20, 20]
    change(cfg, annotations=each(bbox=box, segmentation=polygon(*box)))


def never_evaluated(cfg, root):
    """The evaluation's data are not looked at by anyone."""
    change(cfg, 'val', annotations=[], categories=[])
    cfg.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2, val_begin=10)


SOUND = {
    'as it is': (lambda cfg, root: None, []),
    'a background file beside': (lambda cfg, root: beside(cfg, root, annotations=[]), []),
    'a background file without categories': (
        lambda cfg, root: beside(cfg, root, annotations=[], categories=[]),
        [],
    ),
    'a file of other categories as background': (
        lambda cfg, root: beside(
            cfg, root, categories=[dict(id=3, name='cow'), dict(id=7, name='emu')]
        ),
        ['2 of the 2 classes are no category'],
    ),
    'an unlabelled half': (unlabelled, []),
    'no list of annotations': (no_list_of_annotations, []),
    'only unlabelled pictures': (
        lambda cfg, root: (
            change(cfg, annotations=[]),
            cfg.train_dataloader.dataset.update(pipeline=[dict(type='LoadImageFromFile')]),
        ),
        [],
    ),
    'fewer classes than categories': (lambda cfg, root: subset(cfg), []),
    'one name in two roots': (one_name_in_two_roots, []),
    'wrappers': (wrapped, []),
    'boxes without masks for a model of boxes': (
        lambda cfg, root: [
            change(cfg, split, annotations=each(segmentation=None))
            or cfg[f'{split}_dataloader'].dataset.pipeline[1].update(with_mask=False)
            for split in STAGES
        ],
        [],
    ),
    'pictures that are filtered are missing': (filtered_pictures_are_missing, []),
    'missing pictures that the loader leaves out': (
        lambda cfg, root: (
            removed(cfg),
            cfg.train_dataloader.dataset.pipeline[0].update(ignore_empty=True),
        ),
        ['1 of the 4 pictures', 'are missing'],
    ),
    'the first two of the pictures': (
        lambda cfg, root: (removed(cfg), cfg.train_dataloader.dataset.update(indices=2)),
        [],
    ),
    'absolute names': (absolute_names, []),
    'turned by EXIF and loaded as stored': (turned_and_ignored, []),
    'turned by EXIF and annotated as seen': (turned_and_annotated_so, []),
    'annotations of pictures that were taken out': (
        lambda cfg, root: change(cfg, images=lambda all: all[:2]),
        ['4 of the 8 annotations', 'image_id that the file does not list (3)'],
    ),
    'one area of zero': (
        lambda cfg, root: change(cfg, annotations=lambda all: [{**all[0], 'area': 0}, *all[1:]]),
        ['1 of the 8 annotations', 'an area of zero'],
    ),
    'a box that ends outside': (
        lambda cfg, root: change(
            cfg, annotations=lambda all: [{**all[0], 'bbox': [40, 20, 40, 20]}, *all[1:]]
        ),
        ['1 of the 8 annotations', 'id 2,', 'ends outside'],
    ),
    'a polygon of two points': (
        lambda cfg, root: change(
            cfg, annotations=lambda all: [{**all[0], 'segmentation': [[1, 1, 9, 9]]}, *all[1:]]
        ),
        ['1 of the 8 annotations', 'no polygon of three points'],
    ),
    'an area that is no number': (lambda cfg, root: annotations(area=float('nan'))(cfg), []),
    'run lengths': (lambda cfg, root: run_lengths(WIDTH, HEIGHT)(cfg), []),
    'run lengths as numbers': (lambda cfg, root: run_lengths(WIDTH, HEIGHT, False)(cfg), []),
    'a crowd': (
        lambda cfg, root: change(cfg, annotations=lambda all: [{**all[0], 'iscrowd': 1}, *all[1:]]),
        [],
    ),
    'a class without annotations': (
        lambda cfg, root: change(cfg, annotations=lambda all: all[::2]),
        ['1 of the 2 classes have no instance', '(dog)'],
    ),
    'a head of more classes that is not evaluated': (
        lambda cfg, root: (
            option('model.roi_head.bbox_head.num_classes', 80)(cfg),
            cfg.update(val_evaluator=dict(type='VOCMetric')),
        ),
        ['num_classes is 80'],
    ),
    'a class-agnostic head': (
        lambda cfg, root: cfg.model.roi_head.update(
            mask_head=dict(num_classes=1, class_agnostic=True)
        ),
        [],
    ),
    'sizes that are not those of pictures whose boxes fit': (
        lambda cfg, root: change(cfg, images=each(width=1000, height=1000)),
        ['4 of the 4 pictures', '1000x1000 in the file and 64x48 as loaded'],
    ),
    'an evaluation without objects': (lambda cfg, root: change(cfg, 'val', annotations=[]), []),
    'an evaluator of more pictures': (
        lambda cfg, root: cfg.val_dataloader.dataset.update(indices=2),
        [],
    ),
    'an evaluator that only writes results': (
        lambda cfg, root: (
            evaluator_of_training(cfg),
            cfg.val_evaluator.update(format_only=True, outfile_prefix=str(root / 'out')),
        ),
        [],
    ),
    'an evaluation that never comes': (never_evaluated, ['classes']),
    'the same pictures evaluated': (
        lambda cfg, root: cfg.update(
            val_dataloader=dict(dataset={**cfg.train_dataloader.dataset, 'test_mode': True}),
            val_evaluator=None,
        ),
        ['4 of the 4 pictures to evaluate on', 'training pictures too'],
    ),
}


@pytest.mark.parametrize('case', SOUND)
def test_what_mmdet_trains_is_not_refused(case, cfg, root):
    make, words = SOUND[case]
    make(cfg, root)
    refusal, warnings = outcome(cfg)
    assert refusal is None
    for word in words:
        assert any(word in warning for warning in warnings), warnings
    assert words or not warnings
    for split in STAGES:
        data = built(cfg, split)
        assert [data[i] for i in range(len(data))]


@given(st.integers(0, 400))
def test_a_file_cut_anywhere_is_found(tmp_path_factory, length):
    """A copy can stop at any byte, and no rest of a JSON object is one."""
    text = json.dumps(coco_content())
    path = tmp_path_factory.mktemp('cut') / 'boxes.json'
    path.write_text(text[: min(length, len(text) - 1)])
    assert 'the annotation file' in next(coco_findings(Use(str(path), '', ()), 'sample', {}))


class TestOtherKinds:
    """A data set that is no plain COCO is not read as such."""

    @pytest.fixture
    def other(self, cfg):
        """A list of lines, and boxes that are corners, by subclasses of CocoDataset."""

        class Lines(CocoDataset):
            def load_data_list(self):
                with open(self.ann_file) as file:
                    return [dict(img_path=line.strip(), instances=[]) for line in file]

        class Corners(CocoDataset):
            def parse_data_info(self, raw_data_info):
                for one in raw_data_info['raw_ann_info']:
                    x1, y1, x2, y2 = one['bbox']
                    one['bbox'] = [x1, y1, x2 - x1, y2 - y1]
                return super().parse_data_info(raw_data_info)

        with DATASETS.switch_scope_and_registry('mmdet') as registry:
            for kind in (Lines, Corners):
                registry.register_module(module=kind, force=True)
            yield cfg.train_dataloader.dataset
            for kind in ('Lines', 'Corners'):
                registry.module_dict.pop(kind)

    def test_a_list_of_lines_passes(self, cfg, other, root):
        (root / 'train.json').write_text('train/train_1.jpg\n')
        other.type = 'Lines'
        assert outcome(cfg, ('train',)) == (None, [])

    def test_boxes_of_another_meaning_pass(self, cfg, other):
        change(cfg, annotations=each(bbox=corners))
        other.type = 'Corners'
        assert outcome(cfg, ('train',)) == (None, [])
        assert not boxes_end_outside(cfg)

    def test_paths_that_it_makes_itself_are_no_fault(self, cfg, other, root):
        other.type, other.ann_file = 'Lines', 'made_later.json'
        refusal, warnings = outcome(cfg, ('train',))
        assert refusal is None
        assert 'made_later.json, which does not exist' in warnings[0]

    @pytest.mark.parametrize('kind', ['Objects365V2Dataset', 'CityscapesDataset'])
    def test_the_librarys_own_kinds_pass(self, cfg, kind):
        """CityScapes's files are COCO's, with a filter of its own; the other is read by none."""
        cfg.train_dataloader.dataset.type = kind
        refusal, _ = outcome(cfg, ('train',))
        assert refusal is None


def test_a_file_of_several_data_sets_is_read_once(cfg, monkeypatch):
    data = cfg.train_dataloader.dataset
    cfg.train_dataloader = dict(dataset=dict(type='ConcatDataset', datasets=[data, data, data]))
    load, read = json.load, []
    monkeypatch.setattr(json, 'load', lambda file: read.append(file.name) or load(file))
    assert outcome(cfg) == (None, [])
    assert [name.rpartition('/')[2] for name in read] == ['train.json', 'val.json']


@pytest.mark.parametrize('split', STAGES)
def test_one_read_of_a_file_is_enough_in_a_process(cfg, split, monkeypatch):
    assert outcome(cfg) == (None, [])
    monkeypatch.setattr(json, 'load', None)
    assert outcome(cfg) == (None, [])
    assert outcome(copy.deepcopy(cfg), (split,)) == (None, [])


class TestLevels:
    """How much is looked at."""

    def many(self, cfg, root):
        """A thousand links to one picture, and the last one is damaged."""
        images = [dict(coco_content()['images'][0], id=i, file_name=f'{i}.jpg') for i in range(999)]
        write_picture(root / 'train/0.jpg')
        for image in images[1:]:
            (root / 'train' / image['file_name']).hardlink_to(root / 'train/0.jpg')
        (root / 'train/998.jpg').unlink()
        (root / 'train/998.jpg').write_bytes(b'404')
        change(cfg, images=images)

    def test_a_sample_is_spread_and_full_is_everything(self, cfg, root):
        self.many(cfg, root)
        assert outcome(cfg, ('train',))[0] is None
        cfg.check_data = 'full'
        assert '1 of the 999 pictures' in outcome(cfg, ('train',))[0]

    def test_off_looks_at_nothing(self, cfg, root):
        (root / 'train.json').unlink()
        assert 'does not exist' in outcome(cfg)[0]
        cfg.check_data = 'off'
        assert outcome(cfg) == (None, [])

    def test_another_level_is_a_mistake(self, cfg):
        cfg.check_data = 'some'
        with pytest.raises(UsageError, match='off, sample, full'):
            check_data(cfg, STAGES, print)


@pytest.mark.parametrize('name', ['LOCAL_RANK', 'SLURM_LOCALID', 'OMPI_COMM_WORLD_LOCAL_RANK'])
def test_one_process_of_a_machine_looks(cfg, root, name, monkeypatch):
    (root / 'train.json').write_text('')
    monkeypatch.setenv(name, '1')
    assert outcome(cfg) == (None, [])
    monkeypatch.setenv(name, '0')
    assert 'train.json is empty' in outcome(cfg)[0]
