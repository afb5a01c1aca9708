"""The guide's config for own data trains, and what is wrong with data is said in a sentence."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip('mmseg')

from heracles_mm.cli import train

ROOT = Path(__file__).resolve().parents[2]
CROP = 64
SMALL = [
    'model.backbone.arch=nano', 'model.decode_head.in_channels=[32,64,128,192]',
    'model.decode_head.channels=16', 'model.auxiliary_head.in_channels=128',
    'model.auxiliary_head.channels=16', f'model.data_preprocessor.size=({CROP},{CROP})',
    'train_dataloader.dataset.pipeline.2.scale=(200,50)',  # at most 50 high: less than the crop
    'train_dataloader.dataset.pipeline.2.ratio_range=(0.5,1.0)',
    f'train_dataloader.dataset.pipeline.3.crop_size=({CROP},{CROP})',
    'val_dataloader.dataset.pipeline.1.scale=(200,50)',
    'train_dataloader.num_workers=0', 'train_dataloader.persistent_workers=False',
    'val_dataloader.num_workers=0', 'val_dataloader.persistent_workers=False',
    'train_dataloader.batch_size=5', 'train_cfg.max_iters=1', 'train_cfg.val_interval=1',
]  # fmt: skip
"""A nano model and small crops instead of 48 million parameters at 512."""


def shapes(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A picture (H, W, 3) of noise with a bright square, and its label map (H, W)."""
    picture = np.random.default_rng(0).integers(0, 60, (*size, 3), dtype=np.uint8)
    labels = np.zeros(size, np.uint8)
    labels[5:25, 8:30] = 1
    picture[labels == 1] += 150
    return picture, labels


def palette_map(labels: np.ndarray) -> Image.Image:
    image = Image.fromarray(labels, mode='P')
    image.putpalette([90, 90, 90, 220, 60, 60])
    return image


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The guide's folder and config, with every mode of picture that the guide names."""
    monkeypatch.chdir(tmp_path)
    picture, labels = shapes((45, 70))  # no side a multiple of 32, the short one below the crop
    grey = picture[..., 0]
    alpha = np.dstack([picture, np.full_like(grey, 7)])
    modes = {'colour': picture, 'grey': grey, 'alpha': alpha, 'deep': grey.astype(np.uint16) * 257}
    for split in ('train', 'val'):
        for kind in ('images', 'labels'):
            (tmp_path / 'data/mine' / kind / split).mkdir(parents=True)
        for name, pixels in modes.items():
            Image.fromarray(pixels).save(tmp_path / f'data/mine/images/{split}/{name}.png')
            Image.fromarray(labels).save(tmp_path / f'data/mine/labels/{split}/{name}.png')
        palette_map(labels).save(tmp_path / f'data/mine/labels/{split}/colour.png')
    guide = (ROOT / 'docs/segmentation.md').read_text()
    (config,) = re.findall(r'```python\n(.*?)```', guide, flags=re.DOTALL)
    (tmp_path / 'mine.py').write_text(config.replace("'configs/", f"'{ROOT}/configs/"))
    return tmp_path / 'data/mine'


def run(*options: str) -> int:
    return train.main(['mine.py', '--work-dir', 'w', '--cfg-options', *SMALL, *options])


def objection(capfd, *options: str) -> str:
    """The one line that a run ends with."""
    assert run(*options) == 2
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith('train:')]
    return line


def test_the_guides_config_trains_on_every_mode_of_picture_in_crops_larger_than_it(folder, capfd):
    assert run() == 0
    assert re.search(r'mIoU: \d', capfd.readouterr().out)
    assert Path('w/iter_1.pth').is_file()


def test_modes_differ_in_nothing_that_a_model_sees(folder):
    """Alpha is dropped, 16 bits become 8, a palette does not change an index."""
    from mmengine.registry import DATASETS, DefaultScope

    with DefaultScope.overwrite_default_scope('mmseg'):
        data = DATASETS.build(
            dict(
                type='BaseSegDataset',
                data_root=str(folder),
                img_suffix='.png',
                data_prefix=dict(img_path='images/val', seg_map_path='labels/val'),
                pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')],
            )
        )
    loaded = {Path(item['img_path']).stem: item for item in data}
    assert np.array_equal(loaded['alpha']['img'], loaded['colour']['img'])
    assert np.array_equal(loaded['deep']['img'], loaded['grey']['img'])
    assert loaded['grey']['img'].shape == (45, 70, 3)
    for item in loaded.values():
        assert np.array_equal(item['gt_seg_map'], shapes((45, 70))[1])


def test_a_folder_that_is_missing_is_named(folder, capfd):
    (folder / 'labels/val').rename(folder / 'labels/elsewhere')
    assert f'needs {folder}/labels/val, which does not exist' in objection(capfd)


def test_label_maps_that_are_missing_are_counted_and_named(folder, capfd):
    """Of the validation too, before hours of training."""
    (folder / 'labels/val/grey.png').unlink()
    (folder / 'labels/val/deep.png').unlink()
    message = objection(capfd)
    assert '2 of 4 validation pictures have no label map' in message
    assert 'deep.png' in message and 'grey.png' in message


@pytest.mark.parametrize('why', ['empty folder', 'another suffix'])
def test_a_data_set_that_finds_no_picture_is_named_with_its_folder(folder, capfd, cause, why):
    """Before the run; without that check, after the traceback of the data set."""
    options = []
    if why == 'empty folder':
        for path in (folder / 'images/train').iterdir():
            path.unlink()
    else:
        options = ['train_dataloader.dataset.img_suffix=.jpg']
    before = objection(capfd, *options)
    with pytest.raises(ValueError, match='need at least one array') as raised:
        run(*options, 'check_data=off')
    for message in (before, cause(raised.value)):
        assert f'{folder.relative_to(Path.cwd())}/images/train' in message
        assert ('.jpg' if why == 'another suffix' else '.png') in message


@pytest.mark.parametrize('split', ['train', 'val'])
def test_a_label_that_is_no_class_is_named_with_its_file_and_what_is_allowed(folder, capfd, split):
    path = folder / f'labels/{split}/grey.png'
    labels = np.full((45, 70), 7, np.uint8)
    labels[0, 0] = 255  # this one is allowed
    Image.fromarray(labels).save(path)
    message = objection(capfd)
    assert f'labels/{split}/grey.png holds the value 7' in message
    assert 'a model of 2 classes allows 0 to 1, and 255' in message


def test_under_reduce_zero_label_the_values_are_those_of_the_file(folder, capfd):
    for path in (folder / 'labels/train').iterdir():
        Image.fromarray(np.full((45, 70), 3, np.uint8)).save(path)
    message = objection(capfd, 'train_dataloader.dataset.reduce_zero_label=True')
    assert 'holds the value 3' in message
    assert 'allows 1 to 2, and 0' in message


@pytest.mark.parametrize(
    ('mode', 'pixels'),
    [('RGB', np.zeros((45, 70, 3), np.uint8)), ('I;16', np.full((45, 70), 257, np.uint16))],
)
def test_a_label_map_of_colours_or_16_bits_is_refused(folder, capfd, mode, pixels):
    """mmseg would keep the lower 8 bits of 16: class 257 would train as class 1."""
    Image.fromarray(pixels).save(folder / 'labels/train/grey.png')
    message = objection(capfd)
    assert 'labels/train/grey.png' in message and f'is of mode {mode}' in message
    assert 'one channel of 8 bits' in message


def test_heads_and_data_that_disagree_on_the_number_of_classes_are_named(folder, capfd):
    """It trains, and is odd."""
    assert run('model.auxiliary_head.num_classes=3') == 0
    printed = capfd.readouterr().err
    assert 'train: warning: train_dataloader has 2 classes (ground, square)' in printed
    assert 'model.auxiliary_head.num_classes is 3' in printed
