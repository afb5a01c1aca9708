"""Pictures are read as OpenCV, and so OpenMMLab, reads them, value for value."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from heracles_mm.errors import DataError
from heracles_mm.runtime.decoding import read_picture


def picture(height=12, width=16):
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def with_alpha():
    image = picture().convert('RGBA')
    image.putalpha(Image.linear_gradient('L').resize(image.size))
    return image


def deep(channels):
    rng = np.random.default_rng(1)
    values = rng.integers(0, 2**16, (12, 16, channels), dtype=np.uint16)
    return cv2.imencode('.png', values)[1].tobytes()


FILES = {
    'jpeg': encoded(picture(), 'JPEG', quality=75),
    'grey jpeg': encoded(picture().convert('L'), 'JPEG'),
    'cmyk jpeg': encoded(picture().convert('CMYK'), 'JPEG'),
    'png': encoded(picture(), 'PNG'),
    'transparent': encoded(with_alpha(), 'PNG'),
    'grey and transparent': encoded(with_alpha().convert('LA'), 'PNG'),
    'palette': encoded(picture().quantize(16), 'PNG'),
    'bits': encoded(picture().convert('1'), 'PNG'),
    '16 bits, grey': deep(1),
    '16 bits, colour': deep(3),
    'webp': encoded(picture(), 'WEBP'),
    'bmp': encoded(picture(), 'BMP'),
    'tiff': encoded(picture(), 'TIFF'),
}


@pytest.mark.parametrize('kind', FILES)
def test_a_file_is_what_opencv_reads(kind):
    expected = cv2.imdecode(np.frombuffer(FILES[kind], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.array_equal(read_picture(FILES[kind]), expected)


@pytest.mark.parametrize('turn', range(1, 9))
def test_the_turn_that_a_camera_noted_is_made(turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    content = encoded(picture(), 'JPEG', exif=exif)
    expected = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.array_equal(read_picture(content), expected)


def test_arrays_are_rgb_of_any_depth():
    pixels = np.asarray(picture())
    assert read_picture(pixels) is pixels or np.array_equal(read_picture(pixels), pixels)
    assert np.array_equal(read_picture(pixels.astype(np.uint16) * 256 + 9), pixels)
    assert np.array_equal(read_picture(np.dstack([pixels, pixels[..., :1]])), pixels)
    grey = read_picture(pixels[..., 0])
    assert np.array_equal(grey, np.repeat(pixels[..., :1], 3, axis=2))


JPEG = FILES['jpeg']
BAD = {
    'a path to nothing': ('absent.png', 'absent.png cannot be read: No such file'),
    'nothing': (b'', 'the picture is no picture'),
    'words': (b'no picture at all', 'is no picture'),
    'cut short': (JPEG[: len(JPEG) // 2], 'cannot be read: '),
    'no pixel': (np.zeros((0, 5, 3), np.uint8), 'a picture of 5x0 px has no pixel'),
    'fractions': (np.zeros((4, 5, 3), np.float32), 'dtype float32 is no picture'),
    'two channels': (np.zeros((4, 5, 2), np.uint8), 'is no picture'),
    'a number': (7, 'a int is no picture'),
}


@pytest.mark.parametrize('case', BAD)
def test_what_is_no_picture_is_one_sentence(case):
    source, words = BAD[case]
    with pytest.raises(DataError, match=words) as error:
        read_picture(source)
    assert '\n' not in str(error.value)


def test_a_bomb_is_refused(monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 50)
    with pytest.raises(DataError, match='is refused: '):
        read_picture(FILES['png'])
