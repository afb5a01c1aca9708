"""What the tool makes is what mmdet and mmseg read, with the masks that the authors drew."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from authors_data import CAMVID, colours
from PIL import Image

from heracles_mm.cli.prepare_data import main
from heracles_mm.data_checks import check_data
from heracles_mm.preparation.source_files import read_label_map, read_picture

pytest.importorskip('mmdet')
pytest.importorskip('mmseg')

from mmdet.datasets import CocoDataset
from mmdet.utils import register_all_modules
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.datasets import BaseSegDataset
from mmseg.utils import register_all_modules as register_mmseg

ROOT = Path(__file__).parents[2]


def instances(folder, split, classes, ann_file=None):
    """mmdet's data set of a split, with boxes and masks."""
    register_all_modules()
    return CocoDataset(
        data_root=str(folder),
        ann_file=ann_file or f'annotations/{split}.json',
        data_prefix=dict(img=f'{split}/'),
        metainfo=dict(classes=classes),
        test_mode=True,  # nothing is filtered
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
        ],
    )


def box_of(mask):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


@pytest.mark.parametrize(
    'name, classes, counts',
    [('penn-fudan', ('pedestrian',), (120, 50)), ('dsb2018', ('nucleus',), (9, 2))],
)
def test_mmdet_reads_the_masks_and_boxes_that_were_drawn(
    name, classes, counts, originals, prepared
):
    drawn = originals[name][1]
    read = {}
    for split, count in zip(('train', 'val'), counts):
        data = instances(prepared[name], split, classes)
        assert len(data) == count
        read |= {Path(item['img_path']).stem: item for item in data}
    assert sorted(read) == sorted(drawn)
    for picture, masks in drawn.items():
        np.testing.assert_array_equal(read[picture]['gt_masks'].masks, masks)
        boxes = read[picture]['gt_bboxes'].tensor.tolist()
        assert boxes == [box_of(mask) for mask in masks]
        assert not read[picture]['gt_ignore_flags'].any()


def test_penn_fudans_split_is_the_one_of_the_published_scores(prepared):
    """Names shuffled by Random(0): known ones of the copy on which our figures were measured."""
    content = json.loads((prepared['penn-fudan'] / 'annotations/val.json').read_text())
    names = [image['file_name'] for image in content['images']]
    assert names[:3] == ['FudanPed00002.png', 'FudanPed00003.png', 'FudanPed00007.png']
    assert [image['id'] for image in content['images']] == list(range(1, 51))


def test_the_zip_gives_what_its_folder_gives(originals, prepared, tmp_path):
    folder = originals['penn-fudan'][0]
    with zipfile.ZipFile(tmp_path / 'PennFudanPed.zip', 'w') as archive:
        for path in folder.rglob('*'):
            archive.write(path, Path('PennFudanPed') / path.relative_to(folder))
    assert main(['penn-fudan', str(tmp_path / 'PennFudanPed.zip'), str(tmp_path / 'out')]) == 0
    assert contents(tmp_path / 'out') == contents(prepared['penn-fudan'])


def contents(folder):
    files = [path for path in folder.rglob('*') if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_dsb2018s_split_is_every_fifth_by_name(prepared):
    val = sorted(path.stem for path in (prepared['dsb2018'] / 'val').iterdir())
    assert val == ['0004', '0009']


def test_pictures_with_alpha_arrive_in_their_colours(originals, prepared):
    """They are kept as they are, and mmdet's reader leaves the alpha channel out."""
    item = instances(prepared['dsb2018'], 'val', ('nucleus',))[0]
    rgb = np.asarray(colours(4, 'RGBA'))[..., :3]
    np.testing.assert_array_equal(item['img'], rgb[..., ::-1])
    name = '0004/images/0004.png'
    original = (originals['dsb2018'][0] / name).read_bytes()
    assert (prepared['dsb2018'] / 'val/0004.png').read_bytes() == original


@pytest.mark.parametrize('split', CAMVID)
def test_mmseg_reads_the_labels_that_were_drawn_and_ignores_void(split, originals, prepared):
    register_mmseg()
    with DefaultScope.overwrite_default_scope('mmseg'):
        data = BaseSegDataset(
            data_root=str(prepared['camvid']),
            data_prefix=dict(img_path=f'images/{split}', seg_map_path=f'annotations/{split}'),
            img_suffix='.png',
            seg_map_suffix='.png',
            metainfo=dict(classes=[f'class {i}' for i in range(11)]),
            reduce_zero_label=False,
            pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')],
        )
        assert len(data) == CAMVID[split]
        for item in data:
            drawn = originals['camvid'][1][Path(item['img_path']).stem]
            assert (drawn == 11).any()  # else nothing would be void
            expected = np.where(drawn == 11, 255, drawn)
            np.testing.assert_array_equal(item['gt_seg_map'], expected)


def test_camvids_pictures_are_copied_as_they_are(originals, prepared):
    source, made = contents(originals['camvid'][0]), contents(prepared['camvid'])
    for split, count in CAMVID.items():
        copied = [path for path in made if path.startswith(f'images/{split}/')]
        assert len(copied) == count
        assert all(made[path] == source[path.removeprefix('images/')] for path in copied)


def test_a_coco_subset_holds_the_lowest_ids_and_all_categories(originals, prepared):
    folder, full = originals['coco-subset']
    subset = json.loads(
        (prepared['coco-subset'] / 'annotations/instances_train2017.json').read_text()
    )
    assert [image['id'] for image in subset['images']] == [3, 5, 7]
    expected = [one for one in full['annotations'] if one['image_id'] != 12]
    assert subset['annotations'] == expected
    assert subset['categories'] == full['categories'] and subset['info'] == full['info']
    data = instances(
        prepared['coco-subset'],
        'train2017',
        ('cat', 'dog', 'unused'),
        'annotations/instances_train2017.json',
    )
    assert [len(item['gt_bboxes']) for item in data] == [2, 2, 2]
    names = sorted(path.name for path in (prepared['coco-subset'] / 'train2017').iterdir())
    assert names == [f'{i:012d}.jpg' for i in (3, 5, 7)]
    for name in names:
        copied = (prepared['coco-subset'] / 'train2017' / name).read_bytes()
        assert copied == (folder / 'train2017' / name).read_bytes()


def test_the_pictures_of_a_coco_file_may_be_elsewhere(originals, tmp_path):
    folder = originals['coco-subset'][0]
    alone = tmp_path / 'alone.json'
    alone.write_bytes((folder / 'annotations/instances_train2017.json').read_bytes())
    words = ['coco-subset', alone, tmp_path / 'out', '--pictures', folder / 'train2017']
    assert main([str(word) for word in [*words, '--number', '2']]) == 0
    assert sorted(contents(tmp_path / 'out')) == [
        'annotations/alone.json',
        'train2017/000000000003.jpg',
        'train2017/000000000005.jpg',
    ]


@pytest.mark.parametrize(
    'name, config, variable',
    [
        ('penn-fudan', 'mask_rcnn_heracles_nano_pennfudan', 'PENN_FUDAN_ROOT'),
        ('camvid', 'upernet_heracles_nano_camvid', 'CAMVID_ROOT'),
    ],
)
def test_our_configs_find_what_the_tool_makes(name, config, variable, prepared, monkeypatch):
    """check_data refuses data without a picture, and pictures without labels."""
    monkeypatch.setenv(variable, str(prepared[name]))
    cfg = Config.fromfile(ROOT / f'configs/{config}.py')
    check_data(cfg, ('train', 'val', 'test'), lambda warning: None)


def test_palette_masks_are_read_by_their_numbers(originals, tmp_path):
    """Penn-Fudan's are grey or of a palette; the colours of one mean nothing."""
    drawn = originals['penn-fudan'][0] / 'PedMasks/FudanPed00003_mask.png'
    grey = Image.open(drawn)
    palette = grey.copy()
    palette.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
    palette.save(tmp_path / 'palette.png')
    picture = read_picture(drawn)
    read = read_label_map(tmp_path / 'palette.png', picture)
    np.testing.assert_array_equal(read, np.asarray(grey))
