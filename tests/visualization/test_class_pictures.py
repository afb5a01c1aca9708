"""A wrong class is seen at a glance."""

import numpy as np
import pytest

pytest.importorskip('matplotlib', reason='pictures need matplotlib, which comes with mmdet')

from heracles_mm.visualization import plot_classes
from heracles_mm.visualization.classes import RIGHT, WRONG


def test_each_picture_stands_under_its_two_classes_and_a_mistake_is_red():
    pictures = [np.full((2, 3, 3), value, np.uint8) for value in range(8)]
    found = ['bag'] * 7 + ['shoe']
    figure = plot_classes([(x, 'bag', name, 0.5) for x, name in zip(pictures, found, strict=True)])
    used = [axes for axes in figure.axes if axes.images]
    assert [axes.images[0].get_array().tolist() for axes in used] == [x.tolist() for x in pictures]
    assert [axes.title.get_color() for axes in used] == [RIGHT] * 7 + [WRONG]
    assert used[7].get_title() == 'bag\npredicted: shoe 0.50'
