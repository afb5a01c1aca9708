"""Masks across a model's input become what mmdet makes of them, one at a time."""

import numpy as np
import torch
import torch.nn.functional as functional
from mmengine.structures import BaseDataElement

from heracles_mm.export.accuracy import add
from heracles_mm.runtime import Detections
from heracles_mm.runtime.geometry import Geometry

WHERE = Geometry((70, 95), (60, 81), (0, 0, 60, 81), (64, 96))
"""A picture of 95x70 px in 96x64 px, of which 81x60 are not padding."""


def logits():
    """Of a blob, stripes, everything, nothing, and something in the padding alone; (5, 16, 24)."""
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(24.0), indexing='ij')
    blob = 9.3 - (rows - 5.1) ** 2 - (columns - 8.4) ** 2
    padding = (rows - 15).clamp(-1) + 0.6
    return torch.stack([blob, (columns * 0.7).sin(), rows + 1, -rows - 1, padding])


def of_masks(values, scores):
    """Detections of masks (N, h, w) with labels 0 to N - 1."""
    outputs = dict(class_scores=scores, labels=np.arange(len(values)), mask_logits=values.numpy())
    return Detections.of_masks(outputs, tuple('abcde'), WHERE)


def of_torch(values):
    """Boxes, mean shares and masks by enlarging all masks at once, as mmdet does."""
    whole = functional.interpolate(values[None], size=WHERE.whole, mode='bilinear')
    used = whole[..., : WHERE.used[0], : WHERE.used[1]]
    maps = functional.interpolate(used, size=WHERE.picture, mode='bilinear')[0]
    boxes, shares = torch.zeros(len(maps), 4), torch.zeros(len(maps))
    for index, inside in enumerate(maps > 0):
        if inside.any():
            y, x = (inside.any(axis).nonzero() for axis in (1, 0))
            boxes[index] = torch.tensor([x[0], y[0], x[-1] + 1, y[-1] + 1])
            shares[index] = maps[index][inside].sigmoid().mean()
    return boxes, shares, maps > 0


def test_boxes_scores_and_masks_are_those_of_whole_enlarged_masks():
    values, scores = logits(), np.array([0.9, 0.2, 0.8, 0.7, 0.6], np.float32)
    found = of_masks(values, scores)
    boxes, shares, masks = of_torch(values)
    assert (np.diff(found.scores) <= 0).all() and found.has_masks
    assert found.boxes[found.labels == 3].tolist() == [[0, 0, 0, 0]]
    assert np.array_equal(found.boxes, boxes[found.labels])
    assert np.allclose(found.scores, scores[found.labels] * shares[found.labels].numpy())
    assert np.array_equal(found.masks(), masks[found.labels])
    assert np.array_equal(found.above(0.5).mask(0), found.mask(0))


def test_what_is_outside_the_pictures_part_is_no_object():
    """Nothing but padding: mmdet cuts it off before it looks."""
    found = of_masks(logits()[4:], np.ones(1, np.float32))
    assert (found.scores[0], found.mask(0).sum()) == (0, 0)


def test_a_metric_is_given_masks_of_the_pictures_size():
    sample, found = BaseDataElement(), of_masks(logits(), np.ones(5, np.float32))
    add(sample, found)
    assert sample.pred_instances.masks.shape == (5, 70, 95)
    assert sample.pred_instances.masks[0].any()
