"""Sizes change as in OpenCV, torch and mmdet, whose results ours must be."""

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from heracles_mm.runtime.outcomes import Detections, run_lengths
from heracles_mm.runtime.resampling import enlarged_rows, resized

sides = st.integers(1, 40)


@settings(max_examples=60)
@given(height=sides, width=sides, new=st.tuples(sides, sides), seed=st.integers(0, 99))
def test_pictures_are_opencvs_bit_for_bit(height, width, new, seed):
    """Models have learnt on OpenCV's pixels, of which each is a whole number."""
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    expected = cv2.resize(picture, new[::-1], interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(resized(picture, new, 'opencv bilinear'), expected)


def test_pictures_by_pillow_are_pillows():
    picture = np.random.default_rng(0).integers(0, 256, (30, 41, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(picture).resize((20, 17), Image.Resampling.BICUBIC))
    assert np.array_equal(resized(picture, (17, 20), 'bicubic'), expected)


@settings(max_examples=30)
@given(height=sides, width=sides, new=st.tuples(sides, sides), align=st.booleans())
def test_scores_are_torchs(height, width, new, align):
    scores = torch.randn(3, height, width)
    expected = F.interpolate(scores[None], new, mode='bilinear', align_corners=align)[0]
    half = new[0] // 2
    rows = [slice(0, half), slice(half, new[0])]
    found = np.concatenate([enlarged_rows(scores.numpy(), new, band, align) for band in rows], 1)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def found_in(size, boxes, shares):
    count = len(boxes)
    labels = np.zeros(count, np.int64)
    return Detections(boxes, np.ones(count, np.float32), labels, ('it',), size, shares)


@settings(max_examples=30)
@given(seed=st.integers(0, 9999))
def test_masks_are_pasted_as_mmdet_does(seed):
    """Boxes inside, at the border, and of no width."""
    head = pytest.importorskip('mmdet.models.roi_heads.mask_heads.fcn_mask_head')
    rng = np.random.default_rng(seed)
    corners = rng.uniform((-5, -5), (45, 35), (3, 2, 2)).astype(np.float32)
    boxes = np.concatenate([corners.min(1), corners.max(1)], 1).clip(0, np.float32([50, 40] * 2))
    boxes[2, 2] = boxes[2, 0]
    shares = rng.uniform(0, 1, (3, 28, 28)).astype(np.float32)
    found = found_in((40, 50), boxes, shares)
    for index in range(3):
        mask = torch.from_numpy(shares[index, None, None])
        pasted, place = head._do_paste_mask(mask, torch.from_numpy(boxes[[index]]), 40, 50)
        expected = np.zeros((40, 50), np.float32)
        expected[place] = pasted[0].numpy()
        near = np.abs(expected - 0.5) < 1e-4  # may round to either side
        assert np.array_equal(found.mask(index) | near, (expected >= 0.5) | near)
    assert found.masks().shape == (3, 40, 50)
    assert found.above(2).masks().shape == (0, 40, 50)


@given(seed=st.integers(0, 9999), height=sides, width=sides)
@settings(max_examples=30)
def test_run_lengths_are_cocos(seed, height, width):
    mask_utils = pytest.importorskip('pycocotools.mask')
    mask = np.random.default_rng(seed).random((height, width)) < 0.5
    coded = mask_utils.frPyObjects(run_lengths(mask), height, width)
    assert np.array_equal(mask_utils.decode(coded), mask)
