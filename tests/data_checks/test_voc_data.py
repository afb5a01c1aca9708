"""Pascal VOC's annotations: what is refused, with mmdet's own data set as the control."""

from pathlib import Path

import pytest
import torch
from small_data import assert_refused, assert_taken, built, option, voc_config, write_picture

pytest.importorskip('mmdet')


@pytest.fixture
def cfg(tmp_path):
    return voc_config(tmp_path)


def files(cfg, split='train'):
    root = Path(cfg.train_dataloader.dataset.data_root) / 'VOC2007'
    names = (root / f'{split}.txt').read_text().split()
    return [root / 'Annotations' / f'{name}.xml' for name in names]


def replaced(old, new, split='train', count=4):
    def change(cfg):
        for path in files(cfg, split)[:count]:
            path.write_text(path.read_text().replace(old, new))

    return change


def other_names(cfg):
    for old, new in (('cat', 'Cat'), ('dog', 'hot dog')):
        replaced(f'<name>{old}<', f'<name>{new}<')(cfg)


def fractions(cfg):
    for key in ('xmin', 'ymin', 'xmax', 'ymax'):
        for value in (5, 6, 24, 25, 30, 44):
            replaced(f'<{key}>{value}<', f'<{key}>0.{value}<')(cfg)


def other_order(cfg):
    cfg.val_dataloader.dataset.metainfo = dict(classes=('dog', 'cat'))


def old_key(cfg):
    cfg.train_dataloader.dataset.metainfo = dict(CLASSES=('cat', 'dog'))


# What mmdet does on the refused input.


def labels(cfg, split='train'):
    found = (item['data_samples'].gt_instances.labels for item in built(cfg, split))
    return torch.cat(list(found))


def every_item_is_made(cfg):
    list(built(cfg, 'train'))
    return False  # unless it raised


def a_loss_has_no_such_class(cfg):
    found = labels(cfg)
    torch.nn.functional.cross_entropy(torch.zeros(len(found), 1), found)


def boxes_are_points(cfg):
    boxes = [i['data_samples'].gt_instances.bboxes.tensor for i in built(cfg, 'train')]
    return (torch.cat(boxes)[:, :2] == torch.cat(boxes)[:, 2:]).all()


def a_broken_picture(cfg):
    no_sizes(cfg)
    (picture,) = Path(cfg.train_dataloader.dataset.data_root).glob('**/000001.jpg')
    picture.write_bytes(b'no picture')


REFUSED = {
    'a broken picture, of which the size is read': (
        a_broken_picture,
        ['a picture that', 'cannot be read', '000001.jpg'],
        every_item_is_made,
    ),
    'names that are no classes': (
        other_names,
        ['hold no instance', "(Cat, hot dog, as 'Cat', which the classes have as 'cat')"],
        lambda cfg: not len(labels(cfg)),
    ),
    'names that are no classes, evaluated': (
        replaced('<name>', '<name>my ', 'val'),
        ['8 of the 8 objects', 'none of the 2 classes', 'spelt in the files'],
        lambda cfg: not len(labels(cfg, 'val')),
    ),
    'classes in another order, evaluated': (
        other_order,
        ["'dog' is label 1 of train_dataloader.dataset and 0 of val_dataloader.dataset"],
        lambda cfg: (labels(cfg) != labels(cfg, 'val')).all(),  # of the same objects
    ),
    'too few classes in the head': (
        option('model.bbox_head.num_classes', 1),
        ['4 of the 8', '000001.xml, object 2', 'model.bbox_head.num_classes is 1'],
        a_loss_has_no_such_class,
    ),
    'a file cut short': (
        replaced('</annotation>', '', count=1),
        ['1 of the 4 annotation files', '000001.xml', 'no whole XML'],
        every_item_is_made,
    ),
    'a missing file': (
        lambda cfg: files(cfg)[2].unlink(),
        ['1 of the 4 pictures', '000003.xml', 'sub_data_root'],
        every_item_is_made,
    ),
    'an object without a box': (
        replaced('<xmin>5</xmin>', ''),
        ['4 of the 4', "object 'cat' without a bndbox"],
        every_item_is_made,
    ),
    'an object without a name': (
        replaced('<name>cat</name>', ''),
        ['an object without a name'],
        every_item_is_made,
    ),
    'a size without height': (
        replaced('<height>48</height>', ''),
        ['whole numbers of width and height'],
        every_item_is_made,
    ),
    'boxes as fractions': (fractions, ['fractions of the picture'], boxes_are_points),
    'an empty line': (
        lambda cfg: lines('000001\n\n000002\n')(cfg),
        ['has an empty line'],
        every_item_is_made,
    ),
    'objects that are all too small': (
        option('train_dataloader.dataset.filter_cfg', dict(bbox_min_size=20)),
        ['hold no instance', '8 with ignore'],
        lambda cfg: not len(labels(cfg)),
    ),
    'CLASSES as before mmdet 3': (
        old_key,
        ['has CLASSES, which is not read: call it classes'],
        lambda cfg: len(built(cfg, 'train').metainfo['classes']) == 20,
    ),
}


@pytest.mark.parametrize('case', REFUSED)
def test_a_refusal_names_the_fault_and_mmdet_fails_or_learns_nonsense(case, cfg):
    assert_refused(*REFUSED[case], cfg)


def another_picture(cfg):
    picture = files(cfg)[0].parents[1] / 'JPEGImages/000001.jpg'
    write_picture(picture, size=(80, 60))


def lines(text):
    return lambda cfg: (files(cfg)[0].parents[1] / 'train.txt').write_text(text)


def no_sizes(cfg):
    """mmdet looks at the pictures."""
    replaced('<size>', '<sides>')(cfg)
    replaced('</size>', '</sides>')(cfg)


SOUND = {
    'as it is': (lambda cfg: None, []),
    'some names that are no classes': (
        replaced('<name>dog<', '<name>person<', count=2),
        ['2 of the 8 objects', '(person)'],
    ),
    'difficult objects': (replaced('<difficult>0', '<difficult>1', count=2), []),
    'an object of another class without a box': (
        replaced('<object>', '<object><name>head</name></object><object>', count=1),
        ['2 of the 10 objects', '(head)'],
    ),
    'no sizes': (no_sizes, []),
    'a box that ends outside': (
        replaced('<xmax>44<', '<xmax>90<', count=1),
        ['1 of the 8 annotations', '000001.xml, object 2', 'ends outside'],
    ),
    'boxes without height': (
        replaced('<ymax>30<', '<ymax>6<', count=1),
        ['2 of the 8 annotations', 'mmdet trains on them'],
    ),
    'a picture of another size': (another_picture, ['64x48 in the file and 80x60 as loaded']),
    'a line that comes again': (lines('000001\n000002\n000001'), ['1 of the 3 lines']),
}


@pytest.mark.parametrize('case', SOUND)
def test_what_mmdet_trains_is_not_refused(case, cfg):
    make, words = SOUND[case]
    make(cfg)
    assert_taken(words, cfg)
    data = built(cfg, 'train')
    assert [data[i] for i in range(len(data))]
