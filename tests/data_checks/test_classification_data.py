"""mmpretrain's data: what is refused, with mmpretrain's own data set and a loss as the control."""

from pathlib import Path

import pytest
import torch
from mmengine.registry import METRICS
from small_data import (
    assert_refused,
    assert_taken,
    built,
    classification_config,
    option,
    write_picture,
)

pytest.importorskip('mmpretrain')


@pytest.fixture
def cfg(tmp_path):
    return classification_config(tmp_path)


def root(cfg):
    return Path(cfg.train_dataloader.dataset.data_root)


def lines(text):
    """Train on a list."""

    def write(cfg):
        (root(cfg) / 'list.txt').write_text(text)
        cfg.train_dataloader.dataset.ann_file = 'list.txt'

    return write


def picture(*names):
    def write(cfg):
        for i, name in enumerate(names):
            write_picture(root(cfg) / name, seed=90 + i)

    return write


def both(*changes):
    return lambda cfg: [change(cfg) for change in changes]


def remade(cfg):
    """Loose pictures without a folder."""
    picture('loose/1.png')(cfg)
    cfg.train_dataloader.dataset.data_prefix = 'loose'


def parts(cfg):
    import heracles_mm.datasets.classification  # noqa: F401

    cfg.train_dataloader.dataset = dict(type='PartsDataset', split='train', pipeline=[])


# What mmpretrain does on the refused input.


def items_and_a_loss(cfg):
    data = built(cfg, 'train')
    labels = torch.tensor([data[i]['gt_label'] for i in range(len(data))])
    scores = torch.zeros(len(labels), cfg.model.head.num_classes)
    torch.nn.functional.cross_entropy(scores, labels)


def a_class_has_two_labels(cfg):
    train, val = built(cfg, 'train'), built(cfg, 'val')
    return train.folder_to_idx['dog'] != val.folder_to_idx['dog']


def the_metric_counts(cfg):
    with METRICS.switch_scope_and_registry('mmpretrain') as registry:
        metric = registry.build(cfg.val_evaluator)
    metric.process({}, [dict(gt_label=torch.tensor([0]), pred_score=torch.ones(2))])
    metric.evaluate(1)


CASES_OF_LISTS = {
    'an empty list': ('', ['is empty']),
    'a label beyond the head': ('cat/1.png 0\ndog/1.png 2\n', ['line 2', 'labels are 0 to 1']),
    'a label below zero': ('cat/1.png -1\n', ['line 1', 'label -1']),
    'a line without label': ('cat/1.png\n', ['line 1', 'not "picture label"']),
    'a line with a name for the label': ('cat/1.png dog\n', ['line 1', 'not "picture label"']),
    'an empty line': ('cat/1.png 0\n\n', ['line 2', 'not "picture label"']),
    'a missing picture': ('cat/1.png 0\ncat/9.png 1\n', ['1 of the 2 pictures', 'train/cat/9.png']),
}


def latin(cfg):
    lines('')(cfg)
    (root(cfg) / 'list.txt').write_bytes('cat/é.png 0\n'.encode('latin-1'))


def folds(cfg):
    """Two parts of one folder, none of whose pictures is in both."""
    folds = dict(type='KFoldDataset', dataset=cfg.train_dataloader.dataset, num_splits=2)
    for stage in ('train', 'val'):
        cfg[f'{stage}_dataloader'].dataset = dict(folds, test_mode=stage == 'val')


def halves(cfg):
    inner = cfg.train_dataloader.dataset
    cfg.val_dataloader.dataset = dict(inner, indices=[2])
    cfg.train_dataloader.dataset = dict(inner, indices=[0, 1])


REFUSED = {
    'a list in another encoding': (latin, ['list.txt is no text in UTF-8'], items_and_a_loss),
    'more top classes than classes': (
        option('val_evaluator', dict(type='Accuracy', topk=(1, 5))),
        ['top 5 of 2 classes'],
        the_metric_counts,
    ),
    **{
        name: (lines(text), words, items_and_a_loss)
        for name, (text, words) in CASES_OF_LISTS.items()
    },
    'no folders': (remade, ['holds no folders'], items_and_a_loss),
    'folders without pictures': (
        option('train_dataloader.dataset.extensions', ['.jpg']),
        ['holds no pictures in folders', '.jpg'],
        items_and_a_loss,
    ),
    'more folders than the head has classes': (
        picture('train/emu/1.png'),
        ['has 3 classes (cat, dog, emu) and model.head.num_classes is 2'],
        items_and_a_loss,
    ),
    'a folder of a notebook': (
        picture('train/.ipynb_checkpoints/1.png'),
        ['has 3 classes (.ipynb_checkpoints, cat, dog)'],
        items_and_a_loss,
    ),
    'other classes than folders': (
        option('train_dataloader.dataset.metainfo', dict(classes=('cat', 'cow', 'dog'))),
        ['has 2 classes (cat, dog) and the number of classes in metainfo is 3'],
        items_and_a_loss,
    ),
    'folders of the evaluation numbered otherwise': (
        both(picture('val/bee/1.png'), option('model.head.num_classes', 3)),
        ["the class 'cat' is label 0 in", 'and 1 in', 'a folder for each class in both'],
        a_class_has_two_labels,
    ),
    'a damaged picture': (
        lambda cfg: (root(cfg) / 'train/dog/1.png').write_bytes(b'404'),
        ['1 of the 3 pictures', 'cannot be read', 'dog/1.png'],
        items_and_a_loss,
    ),
    'a picture cut short': (
        lambda cfg: (root(cfg) / 'train/dog/1.png').write_bytes(b''),
        ['1 of the 3 pictures', 'cannot be read', 'dog/1.png'],
        items_and_a_loss,
    ),
    'a data set with more classes of its own than the head': (
        parts,
        ['has 10 classes', 'model.head.num_classes is 2'],
        items_and_a_loss,
    ),
}


@pytest.mark.parametrize('case', REFUSED)
def test_a_refusal_names_the_fault_and_mmpretrain_fails_or_learns_nonsense(case, cfg):
    assert_refused(*REFUSED[case], cfg)


SOUND = {
    'as it is': (lambda cfg: None, []),
    'a list': (lines('cat/1.png 0\ndog/1.png 1\n'), []),
    'a name with a space': (
        both(picture('train/a cat.png'), lines('a cat.png 0\ndog/1.png 1')),
        [],
    ),
    'a list for a class that is not there': (
        lines('cat/1.png 0\n'),
        ['1 of the 2 labels of the head are in no line'],
    ),
    'more names of classes than the head, and labels of the head only': (
        both(
            lines('cat/1.png 0\ndog/1.png 1\n'),
            option('train_dataloader.dataset.metainfo', dict(classes=tuple('abcde'))),
        ),
        ['train_dataloader has 5 classes', 'num_classes is 2'],
    ),
    "ImageNet's list for a few classes": (
        both(
            lines('cat/1.png 0\ndog/1.png 1\n'),
            option('train_dataloader.dataset.type', 'ImageNet'),
        ),
        ['train_dataloader has 1000 classes'],
    ),
    'labels of the evaluation that the head has not, as in retrieval': (
        lambda cfg: (
            (root(cfg) / 'val.txt').write_text('cat/1.png 0\ndog/1.png 7\n'),
            option('val_dataloader.dataset.ann_file', 'val.txt')(cfg),
        ),
        ['1 of the 2 labels in', "none of the head's 2 (7)"],
    ),
    'a head of more classes': (
        option('model.head.num_classes', 1000),
        ['has 2 classes (cat, dog) and model.head.num_classes is 1000'],
    ),
    'a folder without pictures': (
        both(lambda cfg: (root(cfg) / 'train/emu').mkdir(), option('model.head.num_classes', 3)),
        ['1 of the 3 class folders', '(emu;'],
    ),
    'fewer classes in the evaluation, numbered alike': (
        lambda cfg: (root(cfg) / 'val/dog/1.png').rename(root(cfg) / 'val/cat/7.png'),
        ['1 of the 2 class folders'],
    ),
    'pictures without labels': (
        lambda cfg: (remade(cfg), option('train_dataloader.dataset.with_label', False)(cfg)),
        [],
    ),
    'a data set with fewer classes of its own': (
        both(parts, option('model.head.num_classes', 12)),
        ['has 10 classes'],
    ),
    'folds of one folder': (folds, []),
    'parts of one folder': (halves, []),
    'a rank in a gallery that is larger than the classes': (
        option('val_evaluator', [dict(type='RetrievalRecall', topk=[1, 10])]),
        [],
    ),
    'the same picture under another name': (
        lambda cfg: (root(cfg) / 'val/dog/9.png').hardlink_to(root(cfg) / 'train/dog/1.png'),
        ['1 of the 4 pictures to evaluate on', 'val/dog/9.png is '],
    ),
}


@pytest.mark.parametrize('case', SOUND)
def test_what_mmpretrain_trains_is_not_refused(case, cfg):
    make, words = SOUND[case]
    make(cfg)
    assert_taken(words, cfg)
    data = built(cfg, 'train')
    assert [data[i] for i in range(len(data))]
    if data[0].get('gt_label') is not None:
        items_and_a_loss(cfg)
