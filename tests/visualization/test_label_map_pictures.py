"""Label maps are drawn in the classes' own colours."""

import numpy as np
import pytest

pytest.importorskip('matplotlib', reason='pictures need matplotlib, which comes with mmdet')

from heracles_mm.visualization import plot_label_maps

RED, GREEN, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 0)


def test_picture_truth_and_prediction_stand_one_below_the_other_in_the_palettes_colours():
    picture = np.full((2, 3, 3), 9, np.uint8)
    truth = np.array([[0, 1, 255], [1, 1, 0]])  # 255 is ignored
    prediction = np.array([[0, 0, 0], [1, 1, 1]])
    figure = plot_label_maps([(picture, truth, prediction)], ['shoe', 'bag'], [RED, GREEN])
    shown = [axes.images[0].get_array().tolist() for axes in figure.axes]
    assert shown[0] == picture.tolist()
    assert shown[1] == [
        [list(c) for c in row] for row in [[RED, GREEN, BLACK], [GREEN] * 2 + [RED]]
    ]
    assert shown[2] == [[list(RED)] * 3, [list(GREEN)] * 3]
    (legend,) = figure.legends
    colours = {
        text.get_text(): patch.get_facecolor()[:3]
        for text, patch in zip(legend.get_texts(), legend.get_patches(), strict=True)
    }
    assert colours == {'shoe': (1, 0, 0), 'bag': (0, 1, 0)}
