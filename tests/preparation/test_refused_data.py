"""Each fault of the data is one sentence that names the file, and nothing is written."""

import errno
import json
import os
import shutil
import sys
from pathlib import Path

import authors_data
import numpy as np
import pytest
from authors_data import SOURCES

from heracles_mm.cli.prepare_data import main


def changed(key, value):
    """Of the picture with the lowest id in COCO's file."""

    def damage(folder):
        path = folder / INSTANCES
        content = json.loads(path.read_text())
        min(content['images'], key=lambda image: image['id'])[key] = value
        path.write_text(json.dumps(content))

    return damage


def removed(path):
    return lambda folder: (
        shutil.rmtree(folder / path) if (folder / path).is_dir() else (folder / path).unlink()
    )


def copied(path, other):
    return lambda folder: shutil.copy(folder / path, folder / other)


def written(path, content):
    return lambda folder: (folder / path).write_bytes(content)


def cut(path):
    return lambda folder: os.truncate(folder / path, (folder / path).stat().st_size // 2)


def both(*damages):
    return lambda folder: [damage(folder) for damage in damages]


LARGE = authors_data.png(np.zeros((30, 20), np.uint8))
COLOURS = authors_data.png(authors_data.colours(0))
FOREIGN = authors_data.png(np.full((34, 40), 12, np.uint8))
INSTANCES = 'annotations/instances_train2017.json'
FAULTS = {
    'penn-fudan': {
        'no masks at all': (removed('PedMasks'), ['PedMasks is missing']),
        'a mask without a picture': (
            removed('PNGImages/PennPed00096.png'),
            ['PedMasks/PennPed00096_mask.png has no picture'],
        ),
        'a picture without a mask': (
            removed('PedMasks/PennPed00096_mask.png'),
            ['PNGImages/PennPed00096.png has no mask'],
        ),
        'both are missing': (
            both(removed('PNGImages/PennPed00096.png'), removed('PedMasks/PennPed00096_mask.png')),
            ['PNGImages holds 169 pictures', '170'],
        ),
        'a name twice': (
            copied('PNGImages/FudanPed00001.png', 'PNGImages/FudanPed00001.jpg'),
            ['FudanPed00001.jpg', 'FudanPed00001.png', 'one picture twice'],
        ),
        'a content twice': (
            copied('PNGImages/FudanPed00001.png', 'PNGImages/PennPed00009.png'),
            ['FudanPed00001.png', 'PennPed00009.png', 'the same picture'],
        ),
        'another size': (
            written('PedMasks/FudanPed00002_mask.png', LARGE),
            ['FudanPed00002_mask.png is 20x30 px', 'FudanPed00002.png is 40x34'],
        ),
        'a mask of colours': (
            written('PedMasks/FudanPed00002_mask.png', COLOURS),
            ['FudanPed00002_mask.png has the pixels RGB'],
        ),
        'a picture that is cut short': (
            cut('PNGImages/FudanPed00005.png'),
            ['FudanPed00005.png cannot be read'],
        ),
        'a mask that is empty': (
            written('PedMasks/FudanPed00005_mask.png', b''),
            ['FudanPed00005_mask.png cannot be read'],
        ),
    },
    'camvid': {
        'no label maps of a split': (removed('valannot'), ['valannot is missing']),
        'a label map without a picture': (
            removed('test/test_0000.png'),
            ['testannot/test_0000.png has no picture'],
        ),
        'fewer pictures': (
            both(removed('val/val_0000.png'), removed('valannot/val_0000.png')),
            ['val holds 100 pictures', '101'],
        ),
        'a name in two splits': (
            both(
                *(
                    lambda folder, kind=kind: (folder / f'test{kind}/test_0009.png').rename(
                        folder / f'test{kind}/train_0009.png'
                    )
                    for kind in ('', 'annot')
                )
            ),
            ['test/train_0009.png is in', 'train too'],
        ),
        'a content in two splits': (
            copied('train/train_0001.png', 'val/val_0007.png'),
            ['train/train_0001.png', 'val/val_0007.png', 'the same picture'],
        ),
        'a value that is no class': (
            written('trainannot/train_0003.png', FOREIGN),
            ['trainannot/train_0003.png holds the value 12', '0 to 11'],
        ),
    },
    'dsb2018': {
        'no folders': (
            lambda folder: [shutil.rmtree(path) for path in folder.iterdir()],
            ['holds no folders'],
        ),
        'no masks': (removed('0003/masks'), ['0003/masks is missing']),
        'an empty folder of masks': (
            lambda folder: [path.unlink() for path in (folder / '0003/masks').iterdir()],
            ['0003/masks holds no masks'],
        ),
        'masks without a picture': (
            removed('0003/images/0003.png'),
            ['0003/images must hold the picture 0003.png alone'],
        ),
        'two pictures': (
            copied('0003/images/0003.png', '0003/images/other.png'),
            ['0003/images must hold', 'other'],
        ),
        'a content twice': (
            copied('0003/images/0003.png', '0008/images/0008.png'),
            ['0003.png', '0008.png', 'the same picture'],
        ),
        'another size': (written('0003/masks/0001.png', LARGE), ['0003/masks/0001.png is 20x30']),
    },
    'coco-subset': {
        'no JSON': (cut(INSTANCES), ['instances_train2017.json is not whole JSON']),
        'other JSON': (written(INSTANCES, b'[]'), ["is not COCO's instances"]),
        'a list is missing': (written(INSTANCES, b'{"images": [{"id": 1}]}'), ['ask for fewer']),
        'no pictures': (removed('train2017'), ['train2017 does not exist', '--pictures']),
        'a picture is missing': (
            removed('train2017/000000000003.jpg'),
            ['000000000003.jpg cannot be read'],
        ),
        'another size': (changed('width', 99), ['000000000003.jpg is 40x34 px and 99x34']),
        'a name twice': (changed('file_name', '000000000005.jpg'), ["'000000000005.jpg'", '2']),
        'an id twice': (changed('id', 5), ['2 pictures of the id 5']),
        'a content twice': (
            copied('train2017/000000000003.jpg', 'train2017/000000000007.jpg'),
            ['000000000003.jpg', '000000000007.jpg', 'the same picture'],
        ),
        'a path that leads out': (changed('file_name', '../../x.jpg'), ['outside of its folder']),
        'a name that is a number': (changed('file_name', 5), ["is not COCO's instances"]),
        'a picture without a name': (
            written(
                INSTANCES,
                b'{"images": [{"id": 1}, {"id": 2}, {"id": 3}], "annotations": [], '
                b'"categories": []}',
            ),
            ["is not COCO's instances", 'file_name'],
        ),
    },
}


@pytest.mark.parametrize(
    'name, fault', [(name, fault) for name, faults in FAULTS.items() for fault in faults]
)
def test_a_fault_is_one_sentence_and_nothing_is_written(name, fault, originals, tmp_path, refusal):
    damage, fragments = FAULTS[name][fault]
    shutil.copytree(originals[name][0], tmp_path / 'source')
    damage(tmp_path / 'source')
    number = ['--number', 3] if name == 'coco-subset' else []
    said = refusal(name, tmp_path / 'source' / SOURCES[name][1], tmp_path / 'out', *number)
    assert all(fragment in said for fragment in fragments), said


@pytest.mark.parametrize('name', SOURCES)
def test_a_source_that_does_not_exist_is_named(name, tmp_path, refusal):
    assert str(tmp_path / 'a/absent') in refusal(name, tmp_path / 'a/absent', tmp_path / 'out')


def test_a_damaged_zip_is_named(tmp_path, refusal):
    (tmp_path / 'PennFudanPed.zip').write_bytes(b'half')
    said = refusal('penn-fudan', tmp_path / 'PennFudanPed.zip', tmp_path / 'out')
    assert 'PennFudanPed.zip cannot be read as a zip' in said


def test_a_folder_that_holds_files_is_left_as_it_is(originals, tmp_path, refusal):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/own.txt').touch()
    source = originals['dsb2018'][0]
    assert 'is not an empty folder' in refusal('dsb2018', source, tmp_path / 'out')
    assert 'is not an empty folder' in refusal('dsb2018', source, tmp_path / 'out/own.txt')


def test_an_empty_folder_is_filled(originals, tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'link').symlink_to(tmp_path / 'out')
    assert main(['dsb2018', str(originals['dsb2018'][0]), str(tmp_path / 'link')]) == 0
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        'annotations',
        'train',
        'val',
    ]


@pytest.fixture
def stops_at_the_fifth_file(monkeypatch):
    """A function that takes the error which writing the fifth file shall raise."""

    def prepare(error):
        write, count = Path.write_bytes, iter(range(1, 1000))

        def stopped(path, content):
            if next(count) == 5:
                raise error
            return write(path, content)

        monkeypatch.setattr(Path, 'write_bytes', stopped)

    return prepare


def test_an_interruption_leaves_nothing(originals, tmp_path, stops_at_the_fifth_file):
    stops_at_the_fifth_file(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        main(['dsb2018', str(originals['dsb2018'][0]), str(tmp_path / 'out')])
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    originals, tmp_path, stops_at_the_fifth_file, refusal
):
    stops_at_the_fifth_file(OSError(errno.ENOSPC, 'No space left on device'))
    said = refusal('dsb2018', originals['dsb2018'][0], tmp_path / 'out')
    assert f'{tmp_path / "out"} cannot be written (No space left on device)' in said


def test_without_pycocotools_it_says_what_to_install(originals, tmp_path, refusal, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pycocotools', None)
    said = refusal('dsb2018', originals['dsb2018'][0], tmp_path / 'out')
    assert 'pip install pycocotools' in said


def test_options_of_one_data_set_are_not_taken_by_another(tmp_path, refusal):
    assert '--number' in refusal('camvid', 'a', tmp_path / 'out', '--number', '3')
    assert 'at least 1' in refusal('coco-subset', 'a', tmp_path / 'out', '--number', '0')
