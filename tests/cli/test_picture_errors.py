"""What kinds of picture the libraries read, and what is said about those that they cannot."""

import numpy as np
import pytest
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from heracles_mm.cli.running import run_tool

pytest.importorskip('mmcv')

from mmcv.transforms import LoadImageFromFile

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
GREY = PIXELS[..., 0]
MODES = {
    'RGB': PIXELS,
    'L': GREY,
    'LA': np.dstack([GREY, GREY]),
    'RGBA': np.dstack([PIXELS, GREY]),
    'I;16': GREY.astype(np.uint16) * 257,
    '1': GREY > 127,
}


class Pictures(Dataset):
    """One file, read as the pipelines of mmdet, mmseg and mmpretrain begin."""

    def __init__(self, path):
        self.path = path

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return LoadImageFromFile()({'img_path': str(self.path)})['img']


@pytest.mark.parametrize('mode', MODES)
def test_every_mode_arrives_as_three_channels_of_eight_bits(mode, tmp_path):
    """OpenCV converts: alpha is dropped, grey repeated, 16 bits become the upper 8."""
    picture = Image.fromarray(MODES[mode])
    assert picture.mode == mode
    picture.save(tmp_path / 'x.png')
    read = Pictures(tmp_path / 'x.png')[0]
    expected = {'RGB': PIXELS, 'RGBA': PIXELS, '1': np.where(MODES['1'], 255, 0)}.get(mode, GREY)
    if expected.ndim == 2:
        expected = np.repeat(expected[..., None], 3, axis=-1)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read[..., ::-1], expected)


def test_cmyk_and_palettes_arrive_near_their_colours(tmp_path):
    """A JPEG and a palette of 256 lose a little of a smooth picture, a swap of channels much."""
    ramp = np.dstack(np.meshgrid(np.arange(40) * 6, np.arange(40) * 3)).astype(np.uint8)
    smooth = np.dstack([ramp, np.full((40, 40), 30, np.uint8)])
    Image.fromarray(smooth).convert('CMYK').save(tmp_path / 'x.jpg', quality=95)
    Image.fromarray(smooth).quantize(256).save(tmp_path / 'x.png')
    for name in ('x.jpg', 'x.png'):
        error = np.abs(Pictures(tmp_path / name)[0][..., ::-1].astype(int) - smooth)
        assert error.mean() < 12


@pytest.mark.parametrize('workers', [0, 1])
@pytest.mark.parametrize(
    ('fault', 'words'),
    [
        ('cut', 'x.jpg cannot be decoded'),
        ('text', 'x.jpg cannot be decoded'),
        ('absent', 'x.jpg does not exist'),
        ('empty', 'a picture is an empty file'),
    ],
)
def test_a_picture_that_cannot_be_read_is_named_after_the_traceback(
    fault, words, workers, tmp_path, cause
):
    """A loader's worker raises the same error as a text, in which the cause stands last."""
    path = tmp_path / 'x.jpg'
    if fault != 'absent':
        Image.fromarray(PIXELS).save(path)
        whole = path.read_bytes()
        path.write_bytes({'cut': whole[:99], 'text': b'404' * 99, 'empty': b''}[fault])
    loader = DataLoader(Pictures(path), num_workers=workers)
    with pytest.raises(Exception, match=r'load image|No such file|buf\.empty') as raised:
        run_tool('train', lambda: next(iter(loader)))
    line = cause(raised.value)
    assert line.startswith('train: error: ')
    assert words in line


def test_another_assertion_is_not_explained(cause):
    def fail():
        raise AssertionError('failed to load image: not by the reader of pictures')

    with pytest.raises(AssertionError) as raised:
        run_tool('train', fail)
    assert cause(raised.value) == ''
