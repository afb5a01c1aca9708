"""Corruptions of single pictures: the same each time, in the right colours, refused in words."""

import numpy as np
import pytest

pytest.importorskip('imagecorruptions', reason='the extra corruptions is not installed')

from imagecorruptions import corrupt, get_corruption_names

from heracles_mm.errors import DataError, UserError
from heracles_mm.robustness import CorruptPicture, corruption_names

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (33, 40, 3), dtype=np.uint8)


def corrupted(picture, corruption, severity=3, **options):
    step = CorruptPicture(**options)
    step.corruption, step.severity = corruption, severity
    return step({'img': picture, 'img_path': 'a.png'})['img']


@pytest.mark.parametrize('name', get_corruption_names('all'))
def test_a_picture_is_corrupted_the_same_way_in_every_run(name):
    """Whatever was drawn before; and nothing that is drawn after it changes."""
    np.random.seed(1)
    first, after = corrupted(COLOUR, name), np.random.rand()
    np.random.seed(1)
    assert np.random.rand() == after
    second = corrupted(COLOUR, name)
    assert (first == second).all()
    assert first.shape == COLOUR.shape and first.dtype == np.uint8
    assert (first != COLOUR).any()


def test_another_picture_has_other_noise():
    """Else a model could learn nothing from one picture's noise about the next, but tests could
    hide that their noise is one pattern."""
    other = COLOUR.copy()
    other[0, 0] ^= 1
    mid = (COLOUR > 100) & (COLOUR < 150)  # where nothing is clipped at either end
    mid[0, 0] = False
    noise = [corrupted(one, 'gaussian_noise', 1).astype(int) - one for one in (COLOUR, other)]
    assert abs(np.corrcoef(noise[0][mid], noise[1][mid])[0, 1]) < 0.3


@pytest.mark.parametrize('name', ['contrast', 'jpeg_compression', 'brightness', 'pixelate'])
def test_colours_are_those_of_an_rgb_picture(name):
    """No randomness here: BGR goes in and out as the package would have it in RGB."""
    expected = corrupt(COLOUR[..., ::-1].copy(), 3, name)[..., ::-1]
    assert (corrupted(COLOUR, name) == expected).all()
    assert (corrupted(COLOUR, name, bgr=False) == corrupt(COLOUR, 3, name)).all()


@pytest.mark.parametrize('shape', [(33, 40), (33, 40, 1)])
def test_a_grey_picture_stays_one(shape):
    """And its noise is that of one colour: the mean of three would have a third of its variance."""
    grey = np.full(shape, 128, np.uint8)
    found = corrupted(grey, 'gaussian_noise', 1)
    assert found.shape == shape
    colour = corrupted(np.full((33, 40, 3), 128, np.uint8), 'gaussian_noise', 1)
    assert found.std() == pytest.approx(colour.std(), rel=0.1)


def test_whole_numbers_keep_their_dtype():
    assert corrupted(COLOUR.astype(np.float32), 'fog').dtype == np.float32


@pytest.mark.parametrize(
    ('picture', 'words'),
    [
        (COLOUR[:31], 'a.png has 40x31 px: corruptions take pictures of at least 32x32'),
        (COLOUR / 255, 'whole numbers from 0 to 255'),
        (RNG.integers(0, 256, (33, 40, 4), dtype=np.uint8), 'grey or colour pictures'),
    ],
)
def test_what_cannot_be_corrupted_is_named(picture, words):
    with pytest.raises(DataError, match=words):
        corrupted(picture, 'fog')


def test_a_pipeline_without_a_known_reader_is_named():
    step = CorruptPicture()
    step.corruption = 'fog'
    with pytest.raises(DataError, match='begins with LoadImage'):
        step({'img_path': 'a.png'})


def test_all_is_the_four_groups():
    groups = corruption_names(['noise', 'blur', 'weather', 'digital'])
    assert corruption_names(['all', 'fog']) == groups == get_corruption_names('common')
    with pytest.raises(UserError, match=r"'fogg', allowed are all, noise, .*, fog,"):
        corruption_names(['fog', 'fogg'])
