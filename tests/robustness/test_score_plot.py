"""The plot of scores shows all that is kept, and every line of it."""

import json

import pytest

pytest.importorskip('matplotlib', reason='pictures need matplotlib, which comes with mmdet')

from heracles_mm.robustness import CLEAN, Condition, CorruptionScores, plot_scores


def test_the_plot_has_every_test_of_the_file_and_their_mean_where_all_have_one(tmp_path):
    """A later, smaller call must not take away what was drawn; nor may lines in one place."""
    file = tmp_path / 'scores.json'
    file.write_text(json.dumps({'subject': 'x', 'tests': []}))
    scores = CorruptionScores(file, 'x')
    tests = [CLEAN, Condition('fog', 5), Condition('fog', 1), Condition('snow', 5)]
    for test in tests:
        scores.add(test, {'top1': 90.0 - 10 * test.severity})
    (axes,) = plot_scores(scores, 'top1').axes
    drawn = {line.get_label(): line for line in axes.get_lines()}
    assert {name: list(zip(*line.get_data())) for name, line in drawn.items()} == {
        'mean': [(0, 90), (5, 40)],
        'fog': [(0, 90), (1, 80), (5, 40)],
        'snow': [(0, 90), (5, 40)],
    }
    styles = {(line.get_marker(), line.get_linestyle()) for line in drawn.values()}
    assert len(styles) == len(drawn)
