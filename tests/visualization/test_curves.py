"""Curves show the numbers that were logged."""

import json

import pytest

pytest.importorskip('matplotlib', reason='pictures need matplotlib, which comes with mmdet')

from heracles_mm.visualization import find_scalars, plot_curves, plot_runs, read_scalars
from heracles_mm.visualization.curves import counts_epochs


def test_a_curve_is_drawn_through_its_points_and_named_with_its_last_value():
    figure = plot_curves({'box AP': [(0, 0.0), (10, 0.25), (20, 0.4)]}, ylabel='AP')
    (axes,) = figure.axes
    (line,) = axes.lines
    assert line.get_xydata().tolist() == [[0, 0.0], [10, 0.25], [20, 0.4]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ['box AP: 0.400']


def test_scalars_are_read_back_in_order_and_a_missing_one_is_named(tmp_path):
    path = tmp_path / 'scalars.json'
    rows = [{'loss': 2.0, 'step': 1}, {'ap': 0.1, 'step': 2}, {'ap': 0.3, 'step': 4}]
    path.write_text(''.join(json.dumps(row) + '\n' for row in rows))
    assert read_scalars(path, 'ap') == [(2, 0.1), (4, 0.3)]
    with pytest.raises(ValueError, match="no scalar 'mAP', only ap, loss"):
        read_scalars(path, 'mAP')


def test_runs_share_a_panel_for_each_scalar():
    loss = {'a': [(1, 2.0), (2, 1.0)], 'b': [(1, 3.0), (2, 0.5)]}
    figure = plot_runs({'loss': ('training step', loss), 'top1': ('epoch', {'a': [(1, 50.0)]})})
    left, right = figure.axes
    assert [line.get_xydata().tolist() for line in left.lines] == [
        [list(point) for point in curve] for curve in loss.values()
    ]
    assert (left.get_xlabel(), right.get_xlabel()) == ('training step', 'epoch')


def test_the_newest_log_of_a_run_is_found(tmp_path):
    """mmengine names the folder of each start by its time."""
    for name in ('20260102_000000', '20260101_000000'):
        (tmp_path / name / 'vis_data').mkdir(parents=True)
        (tmp_path / name / 'vis_data' / 'scalars.json').touch()
    newest = tmp_path / '20260102_000000' / 'vis_data' / 'scalars.json'
    assert find_scalars(tmp_path) == newest == find_scalars(newest)
    with pytest.raises(ValueError, match='name the work folder of a run'):
        find_scalars(tmp_path / 'absent')


def test_steps_of_a_validation_between_epochs_are_epochs(tmp_path):
    path = tmp_path / 'scalars.json'
    trained = {'loss': 2.0, 'epoch': 1, 'iter': 20, 'step': 20}
    path.write_text(json.dumps(trained) + '\n' + json.dumps({'top1': 50.0, 'step': 1}) + '\n')
    assert counts_epochs(path, 'top1')
    assert not counts_epochs(path, 'loss')
    by_iter = {'loss': 2.0, 'iter': 20, 'step': 20}
    path.write_text(json.dumps(by_iter) + '\n' + json.dumps({'top1': 50.0, 'step': 20}) + '\n')
    assert not counts_epochs(path, 'top1')
    path.write_text('no json')
    with pytest.raises(ValueError, match='cannot be read as lines of scalars'):
        read_scalars(path, 'loss')
