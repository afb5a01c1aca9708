"""Detection and classification data that do not fit are found before training, one sentence each.

mmdet and mmpretrain pass over most of these faults in silence or fail far from their cause.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import Config
from PIL import Image

from heracles_mm.data_checks.coco import coco_findings
from heracles_mm.data_checks.content import content_fault
from heracles_mm.data_checks.paths import missing_data

CLASSES = ('cat', 'dog')


def write_picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path)


def sound() -> dict:
    """Two pictures, a box of each of two categories, whose ids have a gap as COCO's do."""
    return {
        'images': [
            {'id': i, 'file_name': f'{i}.png', 'width': 8, 'height': 8, 'license': 1}
            for i in (1, 2)
        ],
        'categories': [{'id': 3, 'name': 'cat'}, {'id': 7, 'name': 'dog'}],
        'annotations': [
            {'id': i, 'image_id': i, 'category_id': category, 'bbox': [0, 0, 4, 4], 'area': 16}
            for i, category in ((1, 3), (2, 7))
        ],
    }


@pytest.fixture
def coco(tmp_path):
    """A sound COCO folder; ``write`` changes the annotation file."""
    for i in (1, 2):
        write_picture(tmp_path / 'pictures' / f'{i}.png')
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps(sound()))
    return path


def fault(path, classes=CLASSES, needs_truth=True):
    folder = str(path.parent / 'pictures')
    return next(coco_findings(str(path), classes, folder, needs_truth), None)


def test_a_sound_file_has_no_fault(coco):
    assert fault(coco) is None
    assert fault(coco, classes=('dog',)) is None  # fewer classes than categories are a choice


DAMAGE = {
    'empty': ('', ['boxes.json is empty']),
    'cut short': (json.dumps(sound())[:200], ['is not whole JSON', 'line 1']),
    'a list': ('[]', ['no list of images and of categories and of annotations']),
    'no categories': ({'categories': None}, ['no list of categories']),
    'no pictures': ({'images': []}, ['names no pictures']),
    'a picture without size': (
        {'images': [{'id': 1, 'file_name': '1.png', 'width': 8}]},
        ['images without height'],
    ),
    'other categories': (
        {'categories': [{'id': 3, 'name': 'cow'}, {'id': 7, 'name': 'dog'}]},
        ['1 of the 2 classes', '(cat)', 'which has 2 (cow, dog)', 'metainfo', 'num_classes'],
    ),
    'another order': (
        {'categories': [{'id': 3, 'name': 'dog'}, {'id': 7, 'name': 'cat'}]},
        ['another order', "classes=('dog', 'cat')"],
    ),
    'unknown category': (
        {'annotations': [{**sound()['annotations'][0], 'category_id': 99}]},
        ['1 of the 1 annotations', 'category_id 99 of annotation 1'],
    ),
    'unknown picture': (
        {'annotations': [{**sound()['annotations'][0], 'image_id': 5}]},
        ['image_id 5', 'none of its images'],
    ),
    'no box': (
        {'annotations': [{**sound()['annotations'][0], 'bbox': [1, 2]}]},
        ['annotation 1', 'bbox of four numbers', '[1, 2]'],
    ),
    'nothing annotated': ({'annotations': []}, ['none of the 0 annotations']),
    'missing pictures': (
        {'images': [*sound()['images'], {**sound()['images'][0], 'id': 9, 'file_name': 'x/9.png'}]},
        ['1 of the 3 pictures', 'pictures/x/9.png'],
    ),
}


@pytest.mark.parametrize('case', DAMAGE)
def test_a_damaged_file_is_one_sentence(case, coco):
    content, words = DAMAGE[case]
    coco.write_text(content if isinstance(content, str) else json.dumps({**sound(), **content}))
    message = fault(coco)
    assert '\n' not in message
    for word in words:
        assert word in message


def test_a_test_needs_no_annotations(coco):
    """COCO's test-dev file has none, and pictures without objects are good validation data."""
    content = sound()
    content.pop('annotations')
    coco.write_text(json.dumps(content))
    assert fault(coco, needs_truth=False) is None


@given(st.integers(0, 400))
def test_a_file_cut_anywhere_is_found(tmp_path_factory, length):
    """A copy can stop at any byte, and no rest of a JSON object is one."""
    text = json.dumps(sound())
    path = tmp_path_factory.mktemp('cut') / 'boxes.json'
    path.write_text(text[: min(length, len(text) - 1)])
    assert 'the annotation file' in fault(path)


class TestDetectionConfigs:
    """The same through a config, with mmdet's data set and wrappers."""

    @pytest.fixture
    def cfg(self, coco):
        pytest.importorskip('mmdet')
        dataset = {
            'type': 'CocoDataset',
            'data_root': str(coco.parent),
            'ann_file': 'boxes.json',
            'data_prefix': {'img': 'pictures/'},
            'metainfo': {'classes': CLASSES},
            'pipeline': [{'type': 'LoadImageFromFile'}],
        }
        return Config(
            {
                'default_scope': 'mmdet',
                'train_dataloader': {'dataset': {'type': 'RepeatDataset', 'dataset': dataset}},
                'model': {
                    'roi_head': {
                        'bbox_head': [{'num_classes': 2}, {'num_classes': 2}],
                        'mask_head': {'num_classes': 2},
                    }
                },
            }
        )

    def sentence(self, cfg):
        assert missing_data(cfg, ('train',)) is None
        return content_fault(cfg, ('train', 'val'))

    def test_a_sound_one_passes(self, cfg):
        assert self.sentence(cfg) is None

    def test_a_fault_of_the_file_is_found_inside_a_wrapper(self, cfg, coco):
        coco.write_text('')
        assert 'boxes.json is empty' in self.sentence(cfg)

    @pytest.mark.parametrize('head', ['bbox_head.1', 'mask_head'])
    def test_every_head_must_have_the_datas_number_of_classes(self, cfg, head):
        """A label beyond it would be an index error, on a GPU a failed assertion of the device."""
        option = f'model.roi_head.{head}.num_classes'
        cfg.merge_from_dict({option: 80})
        message = self.sentence(cfg)
        assert f'{option} is 80' in message
        assert f'--cfg-options {option}=2' in message
        cfg.merge_from_dict({option: 2})
        assert self.sentence(cfg) is None

    def test_a_class_agnostic_head_may_have_any(self, cfg):
        cfg.merge_from_dict(
            {'model.roi_head.mask_head': {'class_agnostic': True, 'num_classes': 1}}
        )
        assert self.sentence(cfg) is None

    @pytest.mark.parametrize(
        ('classes', 'words'),
        [((), 'have no classes'), ('cat', "classes=('cat',)")],
    )
    def test_no_classes_or_a_text_for_them_are_found(self, cfg, classes, words):
        """One class without its comma would become three: c, a and t."""
        cfg.train_dataloader.dataset.dataset.metainfo = {'classes': classes}
        assert words in self.sentence(cfg)


class TestClassificationConfigs:
    """Folders by class, and lists of labels."""

    @pytest.fixture
    def root(self, tmp_path):
        for name in ('cat/1', 'cat/2', 'dog/deep/1'):
            write_picture(tmp_path / 'train' / f'{name}.png')
        return tmp_path

    @pytest.fixture
    def cfg(self, root):
        pytest.importorskip('mmpretrain')
        dataset = {
            'type': 'CustomDataset',
            'data_root': str(root),
            'data_prefix': 'train',
            'pipeline': [{'type': 'LoadImageFromFile'}],
        }
        return Config(
            {
                'default_scope': 'mmpretrain',
                'train_dataloader': {'dataset': dataset},
                'model': {'head': {'num_classes': 2}},
            }
        )

    def sentence(self, cfg):
        return content_fault(cfg, ('train',))

    def test_sound_folders_pass(self, cfg):
        assert self.sentence(cfg) is None

    def test_another_number_of_folders_than_classes_is_found(self, cfg):
        """mmpretrain trains a head with classes that never occur, or fails in the loss."""
        cfg.model.head.num_classes = 1000
        message = self.sentence(cfg)
        assert 'has 2 classes (cat, dog) and model.head.num_classes is 1000' in message
        cfg.model.head.num_classes = 2
        cfg.train_dataloader.dataset.metainfo = {'classes': ('cat', 'cow', 'dog')}
        assert '(cat, cow, dog) and model.head.num_classes is 2' in self.sentence(cfg)
        cfg.model.head.num_classes = 3
        assert 'the number of classes in metainfo is 3' in self.sentence(cfg)

    def test_a_class_without_pictures_is_found(self, cfg, root):
        (root / 'train' / 'emu').mkdir()
        (root / 'train' / 'emu' / 'notes.txt').touch()
        cfg.model.head.num_classes = 3
        assert '1 of the 3 class folders' in self.sentence(cfg)
        assert '(emu;' in self.sentence(cfg)

    def test_a_folder_of_loose_pictures_is_found(self, cfg, root):
        write_picture(root / 'loose' / '1.png')
        cfg.train_dataloader.dataset.data_prefix = 'loose'
        assert 'holds no folders' in self.sentence(cfg)

    @pytest.mark.parametrize(
        ('lines', 'words'),
        [
            ('', ['is empty']),
            ('cat/1.png 0\ndog/deep/1.png 2\n', ['line 2', 'label 2', 'labels are 0 to 1']),
            ('cat/1.png -1\n', ['line 1', 'label -1']),
            ('cat/1.png\n', ['line 1', 'not "picture label"']),
            ('cat/1.png dog\n', ['line 1', 'not "picture label"']),
            ('cat/1.png 0\ncat/9.png 1\n', ['1 of the 2 pictures', 'train/cat/9.png']),
        ],
    )
    def test_a_wrong_list_is_found(self, lines, words, cfg, root):
        (root / 'list.txt').write_text(lines)
        cfg.train_dataloader.dataset.ann_file = 'list.txt'
        for word in words:
            assert word in self.sentence(cfg)

    def test_a_sound_list_passes(self, cfg, root):
        """Names may hold spaces: the label comes after the last one."""
        write_picture(root / 'train' / 'a cat.png')
        (root / 'list.txt').write_text('a cat.png 0\ndog/deep/1.png 1\n')
        cfg.train_dataloader.dataset.ann_file = 'list.txt'
        assert self.sentence(cfg) is None

    def test_a_data_set_with_classes_of_its_own_is_compared_too(self, cfg, monkeypatch, tmp_path):
        import heracles_mm.datasets.classification  # noqa: F401

        cfg.train_dataloader.dataset = {'type': 'PartsDataset', 'split': 'train', 'pipeline': []}
        assert 'has 10 classes' in self.sentence(cfg)
        cfg.model.head.num_classes = 10
        assert self.sentence(cfg) is None


def test_the_tools_say_it_and_build_nothing(coco, monkeypatch, capfd):
    """Through the command line, on COCO's own layout."""
    pytest.importorskip('mmdet')
    from heracles_mm.cli import train

    (coco.parent / 'annotations').mkdir()
    for split in ('train', 'val'):
        (coco.parent / f'{split}2017').mkdir()
        (coco.parent / f'annotations/instances_{split}2017.json').write_text(json.dumps(sound()))
    monkeypatch.setenv('COCO_ROOT', f'{coco.parent}/')
    monkeypatch.chdir(coco.parent)
    config = Path(__file__).parents[2] / 'configs' / 'mask_rcnn_heracles_s_coco.py'
    assert train.main([str(config)]) == 2
    lines = [x for x in capfd.readouterr().err.splitlines() if x.startswith('train: error:')]
    assert len(lines) == 1
    assert '78 of the 80 classes are no category of' in lines[0]


def test_one_process_of_a_machine_looks(coco, monkeypatch):
    """A large annotation file takes long to read, and all processes would read the same."""
    pytest.importorskip('mmdet')
    dataset = {'type': 'CocoDataset', 'ann_file': str(coco), 'pipeline': []}
    loader = {'train_dataloader': {'dataset': dataset}}
    cfg = Config({'default_scope': 'mmdet', 'model': {}, **loader})
    coco.write_text('')
    monkeypatch.setenv('LOCAL_RANK', '0')
    assert 'boxes.json is empty' in content_fault(cfg, ('train',))
    monkeypatch.setenv('LOCAL_RANK', '1')
    assert content_fault(cfg, ('train',)) is None


@pytest.mark.slow
def test_what_one_process_finds_ends_all(tmp_path):
    """The others wait for it to join their group until the launcher ends them."""
    pytest.importorskip('mmdet')
    (tmp_path / 'annotations').mkdir()
    for split in ('train', 'val'):
        (tmp_path / f'{split}2017').mkdir()
        (tmp_path / f'annotations/instances_{split}2017.json').touch()
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        port = str(listener.getsockname()[1])
    root = Path(__file__).parents[2]
    config = root / 'configs' / 'mask_rcnn_heracles_s_coco.py'
    environment = {
        **os.environ,
        'COCO_ROOT': f'{tmp_path}/',
        'PYTHON': sys.executable,
        'PYTHONPATH': str(root),
        'OMP_NUM_THREADS': '1',
        'CUDA_VISIBLE_DEVICES': '',
        'PORT': port,
    }
    done = subprocess.run(
        [root / 'tools' / 'dist_train.sh', config, '2', '--work-dir', tmp_path / 'w'],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if line.startswith('train: error:')]
    assert len(lines) == 1
    assert 'instances_train2017.json is empty' in lines[0]


def test_other_libraries_and_unbuildable_data_sets_are_left_to_their_own_errors():
    assert content_fault(Config({'default_scope': 'mmseg', 'model': {}}), ('train',)) is None
    pytest.importorskip('mmdet')
    broken = {'dataset': {'type': 'Nothing', 'ann_file': 'x'}}
    cfg = Config({'default_scope': 'mmdet', 'model': {}, 'train_dataloader': broken})
    assert content_fault(cfg, ('train',)) is None
