"""Predictions stand beside the ground truth of the picture that the data set holds."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip('matplotlib', reason='pictures need matplotlib, which comes with mmdet')

from mmengine.config import Config
from mmengine.structures import BaseDataElement, InstanceData, PixelData

from heracles_mm.visualization import plot_predictions
from heracles_mm.visualization.predictions import RIGHT, WRONG

RED, GREEN, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 0)


class Data(list):
    metainfo = dict(classes=('bag', 'shoe'), palette=[RED, GREEN])


def drawn(scope, *pairs, height=20, width=30):
    """The figure of black pictures, (fields of the truth, fields of the prediction) of each."""
    sides = dict(img_shape=(height, width), ori_shape=(height, width))
    data = Data(
        dict(
            inputs=torch.zeros(3, height, width, dtype=torch.uint8),
            data_samples=BaseDataElement(metainfo=sides, **truth),
        )
        for truth, _ in pairs
    )
    found = iter(BaseDataElement(**prediction) for _, prediction in pairs)
    model = SimpleNamespace(eval=lambda: None, test_step=lambda batch: [next(found)])
    cfg = Config(dict(default_scope=scope, model=dict(type='Any'), data_preprocessor=dict()))
    return plot_predictions(cfg, model, data, range(len(pairs)))


def instances(boxes, labels, masks, **fields):
    return InstanceData(
        bboxes=torch.tensor(boxes).reshape(-1, 4),
        labels=torch.tensor(labels),
        masks=masks,
        **fields,
    )


class Masks(torch.Tensor):
    """As mmdet's masks of a truth."""

    def to_ndarray(self):
        return self.numpy()


def test_truth_stands_above_prediction_with_its_boxes_and_masks(tmp_path):
    mask = torch.zeros(1, 20, 30, dtype=torch.bool)
    mask[0, 5:15, 10:20] = True
    truth = instances([[10.0, 5.0, 20.0, 15.0]], [1], mask.as_subclass(Masks))
    none = torch.zeros(0, dtype=torch.int64)
    nothing = instances([], none.tolist(), mask[:0], scores=torch.zeros(0))
    nothing.labels = none
    figure = drawn('mmdet', (dict(gt_instances=truth), dict(pred_instances=nothing)))
    above, below = figure.axes
    assert [text.get_text() for text in above.texts] == ['shoe']
    assert above.patches[0].get_bbox().bounds == (9.5, 4.5, 10, 10)
    shown = above.images[0].get_array()
    assert shown[10, 15].tolist() == pytest.approx([0, 0.5, 0], abs=1e-6)
    assert not shown[0, 0].any()
    assert not below.texts
    assert not below.images[0].get_array().any()
    figure.savefig(tmp_path / 'picture.png')
    assert (tmp_path / 'picture.png').stat().st_size > 1000


def test_scores_are_written_beside_the_class():
    mask = torch.ones(1, 20, 30, dtype=torch.bool)
    truth = instances([[0.0, 0, 4, 4]], [0], mask.as_subclass(Masks))
    found = instances([[0.0, 0, 4, 4]], [0], mask, scores=torch.tensor([0.876]))
    figure = drawn('mmdet', (dict(gt_instances=truth), dict(pred_instances=found)))
    assert figure.axes[1].texts[0].get_text() == 'bag 0.88'


def test_picture_truth_and_prediction_stand_one_below_the_other_in_the_palettes_colours():
    truth = torch.tensor([[[0, 1, 255], [1, 1, 0]]])  # 255 is ignored
    found = torch.tensor([[[0, 0, 0], [1, 1, 1]]])
    pair = dict(gt_sem_seg=PixelData(data=truth)), dict(pred_sem_seg=PixelData(data=found))
    figure = drawn('mmseg', pair, height=2, width=3)
    shown = [axes.images[0].get_array().tolist() for axes in figure.axes]
    assert shown[0] == np.zeros((2, 3, 3)).tolist()
    assert shown[1] == [
        [list(c) for c in row] for row in [[RED, GREEN, BLACK], [GREEN] * 2 + [RED]]
    ]
    assert shown[2] == [[list(RED)] * 3, [list(GREEN)] * 3]
    (legend,) = figure.legends
    colours = {
        text.get_text(): patch.get_facecolor()[:3]
        for text, patch in zip(legend.get_texts(), legend.get_patches(), strict=True)
    }
    assert colours == {'bag': (1, 0, 0), 'shoe': (0, 1, 0)}


def test_each_picture_stands_under_its_two_classes_and_a_mistake_is_red():
    pairs = [
        (
            dict(gt_label=torch.tensor([0])),
            dict(pred_label=torch.tensor([label]), pred_score=torch.tensor([0.2, 0.5])),
        )
        for label in [0] * 7 + [1]
    ]
    figure = drawn('mmpretrain', *pairs)
    used = [axes for axes in figure.axes if axes.images]
    assert [axes.title.get_color() for axes in used] == [RIGHT] * 7 + [WRONG]
    assert used[7].get_title() == 'bag\npredicted: shoe 0.50'


@pytest.mark.parametrize(('height', 'width'), [(20, 1000), (30, 30), (1000, 20)])
def test_rows_are_as_high_as_their_pictures_within_what_can_be_read(height, width):
    """Of a picture of any shape there is something to see, and no row's name covers another."""
    labels = PixelData(data=torch.zeros(1, height, width, dtype=torch.int64))
    pair = dict(gt_sem_seg=labels), dict(pred_sem_seg=labels)
    figure = drawn('mmseg', pair, height=height, width=width)
    figure.draw_without_rendering()
    names = [axes.yaxis.label.get_window_extent() for axes in figure.axes]
    assert all(above.y0 >= below.y1 for above, below in pairwise(names))
    wide, high = figure.get_size_inches()
    assert high < 7 * wide
