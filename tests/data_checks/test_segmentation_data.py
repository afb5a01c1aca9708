"""mmseg's data: what is refused, with mmseg's own data set and a loss as the control."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import TRANSFORMS
from PIL import Image
from small_data import (
    HEIGHT,
    WIDTH,
    assert_refused,
    assert_taken,
    built,
    option,
    outcome,
    segmentation_config,
    write_picture,
)

pytest.importorskip('mmseg')

from mmseg.evaluation import IoUMetric
from mmseg.models.decode_heads.decode_head import BaseDecodeHead

STAGES = ('train', 'val')


@pytest.fixture
def cfg(tmp_path):
    return segmentation_config(tmp_path)


def place(cfg, kind='labels', split='train'):
    return Path(cfg.train_dataloader.dataset.data_root) / kind / split


def maps(pixels, split='train'):
    """Write this label map for every picture."""

    def write(cfg):
        for path in place(cfg, split=split).iterdir():
            Image.fromarray(pixels).save(path)

    return write


def filled(value, dtype=np.uint8, shape=(HEIGHT, WIDTH)):
    return np.full(shape, value, dtype)


def resized(size, split='train'):
    def change(cfg):
        for path in sorted(place(cfg, split=split).iterdir())[:2]:
            Image.open(path).resize(size, 0).save(path)

    return change


def one_file(action, kind='labels', split='train'):
    return lambda cfg: action(place(cfg, kind, split) / '2.png')


def turned(cfg):
    exif = Image.Exif()
    exif[0x0112] = 6
    for path in place(cfg, 'images').iterdir():
        Image.open(path).save(path.with_suffix('.jpg'), exif=exif.tobytes())
    cfg.train_dataloader.dataset.img_suffix = '.jpg'


def cityscapes_as_unpacked(cfg):
    """Its maps hold 34 ids; those of the 19 classes are made by its package."""
    for path in list(place(cfg).iterdir()):
        path.rename(path.with_name(f'{path.stem}_labelIds.png'))
    cfg.train_dataloader.dataset.seg_map_suffix = '_labelTrainIds.png'


def mask2former(cfg):
    """Its loss weighs one class more than there are: no object."""
    cfg.model = dict(
        decode_head=dict(
            type='Mask2FormerHead', num_classes=2, loss_cls=dict(class_weight=[1.0, 1.0])
        )
    )


def palette_map(cfg):
    for path in place(cfg).iterdir():
        image = Image.fromarray(np.asarray(Image.open(path)), mode='P')
        image.putpalette([90, 90, 90, 220, 60, 60])
        image.save(path)


def colours_by_backend(cfg):
    palette_map(cfg)
    cfg.train_dataloader.dataset.pipeline[1].imdecode_backend = 'cv2'


# What mmseg does on the refused input.


def a_batch_and_its_loss(cfg, stage='train'):
    """What mmseg's heads do with a batch, and its metric with each picture."""
    data = built(cfg, stage)
    items = [data[i] for i in range(len(data))]
    samples = [item['data_samples'] for item in items]
    if stage == 'train':
        labels = BaseDecodeHead._stack_batch_gt(None, samples).squeeze(1)
        scores = torch.zeros(len(labels), 2, *items[0]['inputs'].shape[-2:])
        torch.nn.functional.cross_entropy(scores, labels, ignore_index=255)
    for sample in samples if stage == 'val' else ():
        found = torch.zeros(sample.ori_shape)
        IoUMetric.intersect_and_union(found, sample.gt_sem_seg.data.squeeze(), 2, 255)


def a_loss_has_other_weights(cfg):
    weights = torch.tensor(cfg.model.decode_head.loss_cls.class_weight)
    torch.nn.functional.cross_entropy(torch.zeros(3, 3), torch.arange(3), weights)


def another_class_is_learned(cfg):
    """Of 16 bits the lower 8 are left: 257 becomes class 1."""
    return built(cfg, 'train')[0]['data_samples'].gt_sem_seg.data.max() == 1


REFUSED = {
    'colours': (
        maps(filled(0, shape=(HEIGHT, WIDTH, 3))),
        ['is of mode RGB', 'one channel of 8 bits', '4 of the 4'],
        a_batch_and_its_loss,
    ),
    'a palette that the backend makes colours of': (
        colours_by_backend,
        ['is of mode P (and the imdecode_backend is cv2)'],
        a_batch_and_its_loss,
    ),
    '16 bits': (maps(filled(257, np.uint16)), ['is of mode I;16'], another_class_is_learned),
    'another size': (
        resized((WIDTH // 2, HEIGHT // 2)),
        ['2 of the 4 label maps', '0.png, 32x24 for a picture of 64x48'],
        a_batch_and_its_loss,
    ),
    'another size in the evaluation': (
        resized((WIDTH // 2, HEIGHT // 2), 'val'),
        ['2 of the 4 label maps', 'labels/val/0.png'],
        lambda cfg: a_batch_and_its_loss(cfg, 'val'),
    ),
    'height and width swapped': (
        resized((HEIGHT, WIDTH)),
        ['2 of the 4 label maps', '48x64 for a picture of 64x48'],
        a_batch_and_its_loss,
    ),
    'turned by EXIF': (
        turned,
        ['4 of the 4 label maps', 'for a picture of 48x64, whose sides its EXIF orientation swaps'],
        a_batch_and_its_loss,
    ),
    'a foreign value': (
        maps(filled(7)),
        ['0.png holds the value 7', 'a model of 2 classes allows 0 to 1, and 255'],
        a_batch_and_its_loss,
    ),
    'a foreign value of the file under reduce_zero_label': (
        lambda cfg: (
            maps(filled(3))(cfg),
            option('train_dataloader.dataset.reduce_zero_label', True)(cfg),
        ),
        ['holds the value 3', 'allows 1 to 2, and 0'],
        a_batch_and_its_loss,
    ),
    'a missing map': (
        one_file(Path.unlink),
        ['1 of 4 training pictures have no label map', '2.png'],
        a_batch_and_its_loss,
    ),
    'maps of Cityscapes that are still to be made': (
        cityscapes_as_unpacked,
        ['4 of 4 training pictures have no label map', 'with csCreateTrainIdLabelImgs'],
        a_batch_and_its_loss,
    ),
    'weights of other classes': (
        mask2former,
        ['decode_head.loss_cls.class_weight has 2 numbers for 2 classes', '[1.0] * 2 + [0.1]'],
        a_loss_has_other_weights,
    ),
    'a missing map in the evaluation': (
        one_file(Path.unlink, split='val'),
        ['1 of 4 validation pictures have no label map'],
        lambda cfg: a_batch_and_its_loss(cfg, 'val'),
    ),
    'a damaged map': (
        one_file(lambda path: path.write_bytes(b'404')),
        ['1 of the 4 label maps', 'cannot be read', '2.png'],
        a_batch_and_its_loss,
    ),
    'a damaged picture': (
        one_file(lambda path: path.write_bytes(b'404'), 'images'),
        ['1 of the 4 pictures', 'cannot be read', 'images/train/2.png'],
        a_batch_and_its_loss,
    ),
    'another suffix': (
        option('train_dataloader.dataset.img_suffix', '.jpg'),
        ['no training picture was found', "ends in '.jpg'"],
        a_batch_and_its_loss,
    ),
    'a list that names an absent picture': (
        lambda cfg: (
            place(cfg, 'images').joinpath('../../list.txt').resolve().write_text('1\n9\n'),
            option('train_dataloader.dataset.ann_file', 'list.txt')(cfg),
        ),
        ['1 of the 2 pictures that', 'list.txt names are missing', '9.png'],
        a_batch_and_its_loss,
    ),
}


@pytest.mark.parametrize('case', REFUSED)
def test_a_refusal_names_the_fault_and_mmseg_fails_or_learns_nonsense(case, cfg):
    assert_refused(*REFUSED[case], cfg)


@TRANSFORMS.register_module()
class LowerLabels:
    """A user's transform: label 7 stands for 1."""

    def __call__(self, results):
        results['gt_seg_map'][results['gt_seg_map'] == 7] = 1
        return results


def resized_by_the_pipeline(cfg):
    resized((WIDTH // 2, HEIGHT // 2))(cfg)
    pipeline = cfg.train_dataloader.dataset.pipeline
    pipeline.insert(2, dict(type='Resize', scale=(WIDTH, HEIGHT), keep_ratio=True))


def mapped_by_the_pipeline(cfg):
    maps(filled(7))(cfg)
    cfg.train_dataloader.dataset.pipeline.insert(2, dict(type='mmengine.LowerLabels'))


def no_truth_in_the_evaluation(cfg):
    for path in place(cfg, split='val').iterdir():
        path.unlink()
    cfg.val_dataloader.dataset.pipeline.pop(1)


def chosen_classes(cfg):
    """Of the library's classes some are taken, and the labels of the others are ignored."""
    from mmseg.datasets import PascalVOCDataset

    data = cfg.train_dataloader.dataset
    data.update(type='PascalVOCDataset', ann_file='list.txt', img_suffix='.png')
    data.update(metainfo=dict(classes=PascalVOCDataset.METAINFO['classes'][:2]))
    data.metainfo.palette = [[0, 0, 0], [9, 9, 9]]
    (Path(data.data_root) / 'list.txt').write_text('0\n1\n')
    maps(filled(13))(cfg)
    return None


SOUND = {
    'as it is': (lambda cfg: None, []),
    'a palette': (palette_map, []),
    'black and white': (maps(filled(0, bool)), ['1 of the 2 classes are in no label map']),
    '16 bits of small numbers': (maps(filled(1, np.uint16)), ['(ground)']),
    'a map that the pipeline resizes with its picture': (
        resized_by_the_pipeline,
        ['2 of the 4 label maps', 'of another size'],
    ),
    'values that a transform of the user maps': (mapped_by_the_pipeline, []),
    'a class that is in no map': (maps(filled(0)), ['1 of the 2 classes', '(square)']),
    '255 for the square': (
        lambda cfg: [
            Image.fromarray(-np.asarray(Image.open(path)).clip(0, 1)).save(path)
            for path in place(cfg).iterdir()
        ],
        ['1 of the 2 classes', '(square, and the value that is ignored is there)'],
    ),
    'an evaluation without truth': (no_truth_in_the_evaluation, []),
    'a binary head': (
        lambda cfg: cfg.model.update(
            decode_head=dict(num_classes=1), auxiliary_head=dict(num_classes=1)
        ),
        ['num_classes is 1'],
    ),
    'more classes in the file than in the model': (
        option('train_dataloader.dataset.metainfo', dict(classes=tuple('abcde'), palette=[])),
        ['train_dataloader has 5 classes', '3 of the 5 classes are in no label map'],
    ),
    'a missing map of a picture that is not used': (
        lambda cfg: (one_file(Path.unlink)(cfg), cfg.train_dataloader.dataset.update(indices=2)),
        [],
    ),
    'chosen classes': (chosen_classes, ['classes are in no label map']),
    'the same pictures evaluated': (
        lambda cfg: cfg.val_dataloader.dataset.update(
            data_prefix=cfg.train_dataloader.dataset.data_prefix
        ),
        ['4 of the 4 pictures to evaluate on'],
    ),
}


@pytest.mark.parametrize('case', SOUND)
def test_what_mmseg_trains_is_not_refused(case, cfg):
    make, words = SOUND[case]
    make(cfg)
    assert_taken(words, cfg)
    a_batch_and_its_loss(cfg)


def test_all_maps_are_opened_at_the_level_full(cfg):
    for i in range(4, 300):
        for kind in ('images', 'labels'):
            folder = place(cfg, kind)
            folder.joinpath(f'{i}.png').hardlink_to(folder / '1.png')
    folder.joinpath('299.png').unlink()
    Image.fromarray(filled(9)).save(folder / '299.png')
    assert outcome(cfg)[0] is None
    cfg.check_data = 'full'
    assert '299.png holds the value 9' in outcome(cfg)[0]


def test_the_random_numbers_of_the_run_stay(cfg):
    resized_by_the_pipeline(cfg)
    pipeline = cfg.train_dataloader.dataset.pipeline
    pipeline.insert(3, dict(type='RandomFlip', prob=0.5))
    state = np.random.get_state()[1].copy()
    outcome(cfg)
    assert np.array_equal(np.random.get_state()[1], state)


def test_a_picture_of_both_sets_is_found_under_any_name(cfg):
    write_picture(place(cfg, 'images', 'val') / '3.png', seed=1)
    _, warnings = outcome(cfg)
    assert len(warnings) == 1
    assert '1 of the 4 pictures to evaluate on' in warnings[0]
    assert 'images/val/3.png is ' in warnings[0]
    assert 'images/train/1.png' in warnings[0]
