"""mmdet's data: what mmdet trains is not refused."""

import json

import pytest
from detection_changes import (
    STAGES,
    annotations,
    change,
    each,
    evaluator_of_training,
    exif_turned,
    removed,
    run_lengths,
)
from small_data import (
    HEIGHT,
    WIDTH,
    assert_taken,
    built,
    coco_content,
    detection_config,
    option,
    polygon,
    write_coco,
)

pytest.importorskip('mmdet')


@pytest.fixture
def cfg(tmp_path):
    return detection_config(tmp_path)


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
        ['val_dataloader.dataset.indices', 'CocoMetric counts every object of them as missed'],
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
def test_what_mmdet_trains_is_not_refused(case, cfg, tmp_path):
    make, words = SOUND[case]
    make(cfg, tmp_path)
    assert_taken(words, cfg)
    for split in STAGES:
        data = built(cfg, split)
        assert [data[i] for i in range(len(data))]
