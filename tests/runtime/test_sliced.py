"""Large pictures slice by slice: sahi's slices and joining, our models."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from exported_models import scene
from scipy.ndimage import find_objects, label

from heracles_mm.errors import UsageError, UserError
from heracles_mm.runtime import Detections, Model
from heracles_mm.runtime.description import Description, Resize
from heracles_mm.runtime.engines import Graph

pytest.importorskip('sahi', reason='the slices extra is not installed')

from heracles_mm.runtime.sliced import detect_in_slices

BENCHMARKS = Path(__file__).parents[2] / 'benchmarks'
SIDE = 64


def finder(task='detection', masks=True):
    """A detector of bright squares of at least 8 px in its input of 64x64 px."""
    about = Description(
        task, ('square',), ((255, 0, 0),), (SIDE, SIDE), 'RGB', (0.0,) * 3, (255.0,) * 3, Resize()
    )

    def run(inputs):
        places = find_objects(label(inputs['image'][0, 0] > 0.5)[0])
        corners = [(x.start, y.start, x.stop, y.stop) for y, x in places]
        boxes = np.array(corners, np.float32).reshape(-1, 4)
        boxes = boxes[(boxes[:, 2:] - boxes[:, :2]).min(1) >= 8]
        scores = np.full(len(boxes), 0.9, np.float32)
        shares = [np.ones((len(boxes), 28, 28), np.float32)] if masks else []
        return [boxes, scores, np.zeros(len(boxes), np.int64), *shares]

    names = ('boxes', 'scores', 'labels', 'masks')[: 4 if masks else 3]
    names = names if task == 'detection' else ('logits',)
    return Model.of(Graph(run, {'image': [1, 3, SIDE, SIDE], 'size': [2]}, names, {}), about)


def squares(*places, side=20, size=(200, 300)):
    picture = np.zeros((*size, 3), np.uint8)
    for top, left in places:
        picture[top : top + side, left : left + side] = 255
    return picture


@pytest.mark.parametrize('masks', [True, False], ids=['masks', 'boxes'])
def test_objects_are_found_where_they_are_and_once(masks):
    """One in the middle of a slice, one across the border of two, one in the last corner."""
    places = (20, 20), (22, 45), (180, 280)
    seen = []
    found = detect_in_slices(
        finder(masks=masks), squares(*places), SIDE, on_slice=lambda *at: seen.append(at)
    )
    assert isinstance(found, Detections)
    boxes = sorted(found.boxes.round().astype(int).tolist())
    expected = sorted([left, top, left + 20, top + 20] for top, left in places)
    assert np.abs(np.array(boxes) - expected).max() <= 2
    done, count = seen[-1]
    assert done == count == len(seen) > 20
    assert found.has_masks == masks
    if masks:
        whole = found.masks().any(0)
        assert np.mean(whole != (squares(*places)[..., 0] > 0)) < 0.01
        assert found.above(0.95).masks().shape == (0, 200, 300)
        assert found.as_dict()['masks'][0]['size'] == [200, 300]


def test_what_a_real_file_finds_stays_in_the_picture_by_falling_score(exported):
    """Nine scenes side by side: each is as large in a slice as the model has learnt."""
    model = Model(exported('instances').file)
    rows = [np.concatenate([scene(64, 96, 3 * row + i) for i in range(3)], 1) for row in range(3)]
    found = detect_in_slices(model, np.concatenate(rows), 96, least_score=0.5)
    assert len(found) > 0
    assert found.boxes[:, 2].max() <= 3 * 96 and found.boxes[:, 3].max() <= 3 * 64
    assert np.all(np.diff(found.scores) <= 0)


def test_the_script_that_measures_memory_still_runs(exported, monkeypatch):
    """No figure is judged: slices and sizes are counted."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    script = import_module('sliced_memory')
    cells = script.row(200, str(exported('instances').file), 96, 0.5).split(' | ')
    assert cells[:3] == ['| 200x150', '0', '6']


def test_what_cannot_be_sliced():
    with pytest.raises(UsageError, match='slices are for detectors'):
        detect_in_slices(finder('segmentation'), squares(), SIDE)
    with pytest.raises(UsageError, match='a margin from 0 to 1'):
        detect_in_slices(finder(), squares(), SIDE, margin=1)


def test_without_sahi_it_says_how_to_get_it(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, 'sahi.predict', None)
    with pytest.raises(UserError, match=r"pip install 'heracles-mm\[slices\]'"):
        detect_in_slices(finder(), squares(), SIDE)
