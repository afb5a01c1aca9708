"""The floor is what the best constant prediction scores, by mmseg's own count."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

pytest.importorskip('mmseg')

from mmseg.evaluation import IoUMetric

from heracles_mm.datasets.segmentation_metrics import FloorIoUMetric

CLASSES = ('top', 'shoe', 'grass', 'photo')
IGNORED = 255

label_maps = arrays.arrays(
    np.int64, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.integers(0, 3)
)


def sample(prediction: np.ndarray, truth: np.ndarray) -> dict:
    return {
        'pred_sem_seg': {'data': torch.as_tensor(prediction)[None]},
        'gt_sem_seg': {'data': torch.as_tensor(truth)[None]},
    }


def evaluate(metric: IoUMetric, predictions, truths) -> dict:
    metric.dataset_meta = {'classes': CLASSES}
    for pair in zip(predictions, truths, strict=True):
        metric.process({}, [sample(*pair)])
    return metric.evaluate(len(metric.results))


@given(st.lists(label_maps, min_size=1, max_size=3), st.booleans())
def test_no_constant_prediction_beats_the_floor_and_one_reaches_it(truths, leave_absent_out):
    """Brute force: every class predicted everywhere, measured by mmseg."""
    options = {} if leave_absent_out else {'nan_to_num': 0}
    if not leave_absent_out:
        truths = [np.where(t == 1, IGNORED, t) for t in truths]  # ignored pixels count nowhere
        truths[0].flat[0] = 2
    constant = [
        evaluate(IoUMetric(**options), [np.full_like(t, c) for t in truths], truths)['mIoU']
        for c in range(len(CLASSES))
    ]
    measured = evaluate(FloorIoUMetric(**options), [np.zeros_like(t) for t in truths], truths)
    assert measured['floor'] == pytest.approx(max(constant), abs=0.011)  # both rounded


@pytest.mark.filterwarnings('ignore:Mean of empty slice')
def test_without_a_labelled_pixel_there_is_no_floor():
    ignored = [np.full((2, 2), IGNORED)]
    assert np.isnan(evaluate(FloorIoUMetric(), ignored, ignored)['floor'])


def test_each_class_has_its_iou_and_their_mean_is_mmsegs():
    rng = np.random.default_rng(0)
    truths = rng.integers(0, 4, (3, 8, 8))
    predictions = np.where(rng.random((3, 8, 8)) < 0.6, truths, rng.integers(0, 4, (3, 8, 8)))
    measured = evaluate(FloorIoUMetric(classwise=True), predictions, truths)
    for value, name in enumerate(CLASSES):
        both = np.count_nonzero((predictions == value) & (truths == value))
        either = np.count_nonzero((predictions == value) | (truths == value))
        assert measured[f'IoU/{name}'] == pytest.approx(100 * both / either, abs=0.005)
    mean = np.mean([measured[f'IoU/{name}'] for name in CLASSES])
    assert measured['mIoU'] == pytest.approx(mean, abs=0.01)
    assert measured['mIoU'] == evaluate(IoUMetric(), predictions, truths)['mIoU']


def test_a_misspelt_option_is_an_error():
    """IoUMetric itself swallows it."""
    words = r'no option ignored_index; it has classwise.* ignore_index'
    with pytest.raises(TypeError, match=words):
        FloorIoUMetric(ignored_index=0)
