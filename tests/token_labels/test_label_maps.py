"""A label map follows the picture: crops and flips by RoIAlign's rule, warps point by point."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip('mmpretrain', reason='label maps are read in mmpretrain pipelines')
from torchvision.ops import roi_align

from heracles_mm.token_labels.label_map_transforms import FLIPS
from heracles_mm.token_labels.label_maps import LabelMap

CLASSES = 6
sides = st.integers(1, 9)
seeds = st.integers(0, 2**20)


def random_map(height, width, topk=3, seed=0) -> LabelMap:
    random = np.random.default_rng(seed)
    ids = np.argsort(random.random((CLASSES, height, width)), axis=0)[:topk]
    return LabelMap(random.normal(size=ids.shape).astype(np.float32), ids.astype(np.int64))


def full(ids, scores) -> torch.Tensor:
    """(n, ...) scores of n classes to (CLASSES, ...) scores of all, the others 0."""
    out = torch.zeros(CLASSES, *scores.shape[1:])
    out[torch.from_numpy(ids)] = torch.from_numpy(scores)
    return out


def stored(label_map) -> torch.Tensor:
    """What the map holds, (CLASSES, h, w), put together one position at a time."""
    out = torch.zeros(CLASSES, *label_map.ids.shape[1:])
    for (k, y, x), c in np.ndenumerate(label_map.ids):
        out[c, y, x] = float(label_map.scores[k, y, x])
    return out


def even(cells) -> np.ndarray:
    return np.arange(cells + 1) / cells


def pooled(label_map, height, width) -> torch.Tensor:
    ids, _, cells = label_map.cells(even(height), even(width))
    return full(ids, cells)


def crop(top, left, bottom, right) -> np.ndarray:
    return np.array([[right - left, 0, left], [0, bottom - top, top]])


@st.composite
def boxes(draw):
    top, bottom = sorted(draw(st.tuples(st.floats(0, 0.5), st.floats(0.55, 1))))
    left, right = sorted(draw(st.tuples(st.floats(0, 0.5), st.floats(0.55, 1))))
    return top, left, bottom, right


@given(sides, sides, seeds)
def test_the_whole_picture_at_the_maps_own_grid_is_the_map(height, width, seed):
    """One point per cell, at the middle of a position: bilinear reading gives what is stored."""
    label_map = random_map(height, width, seed=seed)
    torch.testing.assert_close(pooled(label_map, height, width), stored(label_map))


@given(sides, sides, seeds)
def test_the_whole_picture_at_another_grid_is_the_bilinear_map_averaged(height, width, seed):
    """torch's own bilinear resize to p points per cell, then the mean of each cell."""
    label_map = random_map(9, 9, seed=seed)
    points = -(-9 // height), -(-9 // width)
    size = (height * points[0], width * points[1])
    fine = F.interpolate(stored(label_map)[None], size, mode='bilinear', align_corners=False)
    expected = F.avg_pool2d(fine, points)[0]
    torch.testing.assert_close(pooled(label_map, height, width), expected)


@given(boxes(), sides, sides, seeds)
def test_a_crop_is_torchvisions_roi_align(box, cells, side, seed):
    """The published way to crop a map, with x as x: torchvision's boxes are (x1, y1, x2, y2)."""
    label_map = random_map(side, side, seed=seed)
    top, left, bottom, right = (side * value for value in box)
    expected = roi_align(
        stored(label_map)[None],
        torch.tensor([[0, left, top, right, bottom]]),
        output_size=cells,
        sampling_ratio=-(-side // cells),
        aligned=True,
    )[0]
    actual = pooled(label_map.moved(crop(*box)), cells, cells)
    torch.testing.assert_close(actual, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ('direction', 'axes'), [('horizontal', [2]), ('vertical', [1]), ('diagonal', [1, 2])]
)
@given(boxes(), seeds)
def test_the_map_of_a_flipped_crop_is_the_flipped_map_of_the_crop(direction, axes, box, seed):
    """The same points are read, in mirrored order."""
    cropped = random_map(8, 6, seed=seed).moved(crop(*box))
    flipped = cropped.moved(np.array(FLIPS[direction]))
    torch.testing.assert_close(pooled(flipped, 4, 5), pooled(cropped, 4, 5).flip(axes))


@given(boxes(), seeds)
def test_cropping_a_flipped_picture_is_cropping_the_flipped_map(box, seed):
    label_map = random_map(7, 7, seed=seed)
    mirrored = LabelMap(label_map.scores[:, :, ::-1], label_map.ids[:, :, ::-1])
    flipped = label_map.moved(np.array(FLIPS['horizontal']))
    move = crop(*box)
    torch.testing.assert_close(
        pooled(flipped.moved(move), 5, 3), pooled(mirrored.moved(move), 5, 3)
    )


@given(boxes(), boxes(), seeds)
def test_a_crop_of_a_crop_is_the_crop_inside_it(outer, inner, seed):
    """Read once at the end, steps leave no trace of their order, as repeated resampling would."""
    label_map = random_map(9, 9, seed=seed)
    top, left, bottom, right = outer
    size = np.array([bottom - top, right - left] * 2)
    both = np.array([top, left, top, left]) + size * np.array(inner)
    once = pooled(label_map.moved(crop(*both)), 3, 3)
    twice = pooled(label_map.moved(crop(*outer)).moved(crop(*inner)), 3, 3)
    torch.testing.assert_close(twice, once, atol=1e-5, rtol=1e-5)


@given(st.floats(-60, 60), boxes(), seeds)
def test_scores_are_averaged_and_filling_counts_as_zero(degrees, box, seed):
    """A class of score 1 everywhere keeps 1 in a crop; a rotated picture's filling pulls it to 0,
    never above 1 or below 0."""
    ones = LabelMap(np.ones((1, 5, 5), np.float32), np.full((1, 5, 5), 2))
    np.testing.assert_allclose(ones.moved(crop(*box)).cells(even(4), even(4))[2], 1, rtol=1e-6)
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    rotation = np.column_stack([turn, 0.5 - turn @ [0.5, 0.5]])
    turned = ones.moved(rotation).cells(even(4), even(4))[2]
    assert (turned >= 0).all() and (turned <= 1 + 1e-6).all()
    assert turned[0, 1:3, 1:3].min() > 1 - 1e-6  # the middle comes from inside at any angle


def test_what_was_shifted_out_does_not_come_back():
    """Right by half, then left by half: the right half of the picture is filling now."""
    ones = LabelMap(np.ones((1, 4, 4), np.float32), np.zeros((1, 4, 4), np.int64))
    right, left = np.array([[1, 0, -0.5], [0, 1, 0]]), np.array([[1, 0, 0.5], [0, 1, 0]])
    cells = ones.moved(right).moved(left).cells(even(4), even(4))[2][0]
    np.testing.assert_allclose(cells, np.tile([1, 1, 0, 0], (4, 1)))


@settings(max_examples=25)
@given(st.integers(33, 97), seeds)
def test_the_class_scores_are_the_mean_over_the_picture_of_any_size(side, seed):
    """Cells are weighed by their area: with stride 32 the last ones end with the picture."""
    label_map = random_map(6, 6, seed=seed)
    edges = np.minimum(np.arange(-(-side // 32) + 1) * 32, side) / side
    _, whole, cells = label_map.cells(edges, even(1))
    np.testing.assert_allclose(whole, cells[:, :, 0] @ np.diff(edges), rtol=1e-5, atol=1e-6)
