"""Windows of the parts of a series: the field's counts, and nothing of the future in the past."""

import numpy as np
import pytest
from made_series import times_of, walks, write_csv

from heracles_mm.errors import DataError, UsageError
from heracles_mm.forecasting import SeriesDataset
from heracles_mm.forecasting.splits import split_rows

ETT = dict(months=(12, 4, 4))


@pytest.fixture(scope='module')
def etth(tmp_path_factory) -> str:
    """As long as ETTh1: 17,420 hours."""
    return str(write_csv(tmp_path_factory.mktemp('made') / 'ETTh1.csv', walks(17420)))


@pytest.mark.parametrize('look_back', [96, 336])
@pytest.mark.parametrize(
    ('horizon', 'windows'), [(96, 2785), (192, 2689), (336, 2545), (720, 2161)]
)
def test_the_test_windows_of_etth_are_those_of_the_field(etth, look_back, horizon, windows):
    """11520 to 14400 are forecast; the window before the first may look back."""
    test = SeriesDataset(etth, 'test', look_back, horizon, ETT)
    assert len(test) == windows
    train = SeriesDataset(etth, 'train', look_back, horizon, ETT)
    assert len(train) == 8640 - look_back - horizon + 1


def test_a_window_is_the_rows_that_its_place_says(etth):
    mean, std = walks(17420)[:8640].mean(0), walks(17420)[:8640].std(0)
    scaled = (walks(17420) - mean) / std
    test = SeriesDataset(etth, 'test', 96, 192, ETT)
    for index in (0, 7, len(test) - 1):
        item = test[index]
        row = 11520 + index
        np.testing.assert_allclose(item['inputs'], scaled[row - 96 : row], atol=1e-5)
        np.testing.assert_allclose(item['targets'], scaled[row : row + 192], atol=1e-5)
    with pytest.raises(IndexError):
        test[len(test)]


def test_the_scale_is_of_the_training_rows_alone(tmp_path):
    """What comes later must not change what training sees."""
    values = walks(400)
    first = SeriesDataset(str(write_csv(tmp_path / 'a.csv', values)), 'train', 8, 4, PARTS)
    values[280:] += 1000
    second = SeriesDataset(str(write_csv(tmp_path / 'b.csv', values)), 'train', 8, 4, PARTS)
    assert first.metainfo['mean'] == second.metainfo['mean']
    assert (first.values == second.values).all()


PARTS = dict(fractions=(0.7, 0.1, 0.2))


def test_fractions_are_cut_as_the_public_loaders_do():
    """int() of both ends; the middle has the rest."""
    times = times_of(26304)  # Electricity
    edges = split_rows(times, times[1] - times[0], PARTS)
    assert edges == {'train': (0, 18412), 'val': (18412, 21044), 'test': (21044, 26304)}


def test_dates_begin_the_second_and_the_third_part():
    times = times_of(100)
    edges = split_rows(times, times[1] - times[0], dict(dates=('2016-07-03', '2016-07-04 12:00')))
    assert edges == {'train': (0, 48), 'val': (48, 84), 'test': (84, 100)}


@pytest.mark.parametrize(
    'split',
    [
        dict(months=(1, 1, 1)),
        PARTS,
        dict(dates=('2016-08-01', '2016-08-20')),
    ],
    ids=lambda split: next(iter(split)),
)
def test_a_split_as_one_sequence_is_the_same(split):
    """Which mmengine replaces where configs inherit; --cfg-options makes it a list."""
    times = times_of(3000)
    ((kind, values),) = split.items()
    expected = split_rows(times, times[1] - times[0], split)
    for sequence in ((kind, *values), [kind, *values]):
        assert split_rows(times, times[1] - times[0], sequence) == expected


@pytest.mark.parametrize(
    ('split', 'error', 'message'),
    [
        (dict(weeks=(1, 1, 1)), UsageError, r"split takes one of \('months', 12, 4, 4\)"),
        (dict(months=(1, 1, 1), fractions=PARTS['fractions']), UsageError, '_delete_=True'),
        ('ett', UsageError, 'split takes one of'),
        ((), UsageError, 'split takes one of'),
        (('weeks', 1, 1, 1), UsageError, 'split takes one of'),
        (('months', 12, 4), UsageError, 'three whole numbers'),
        (dict(months=(12, 4)), UsageError, 'three whole numbers'),
        (dict(months=(12, 4, 4)), DataError, r'parts at the rows \(8640, 11520, 14400\), and ther'),
        (dict(fractions=(0.7, 0.1, 0.1)), UsageError, 'sum to 1'),
        (dict(fractions=(1, 0, 0)), UsageError, 'between 0 and 1'),
        (dict(dates=('2016-07-03', 'soon')), UsageError, 'two times'),
        (dict(dates=('2016-07-03',)), UsageError, 'two times'),
        (dict(dates=(2016, 2017)), UsageError, 'two times as texts'),
        (dict(dates=('2016-07-02', '2016-07-03T00:00+02:00')), UsageError, "by the file's own"),
        (dict(dates=('2016-07-04', '2016-07-03')), DataError, 'each part needs some'),
        (dict(dates=('2017-07-04', '2017-08-03')), DataError, 'each part needs some'),
    ],
)
def test_a_split_that_is_none_is_refused(split, error, message):
    times = times_of(100)
    with pytest.raises(error, match=message):
        split_rows(times, times[1] - times[0], split)


def test_a_constant_column_has_no_scale(tmp_path):
    """It may change later: what counts are the training rows."""
    values = walks(400)
    values[:280, 1] = 5
    path = write_csv(tmp_path / 'a.csv', values)
    with pytest.raises(DataError, match=r"'s1' of .* one value in all 280 training rows"):
        SeriesDataset(str(path), 'val', 8, 4, PARTS)
    SeriesDataset(str(path), 'val', 8, 4, PARTS, columns=['s0', 's2'])


@pytest.mark.parametrize('size', [1e200, 1e-200])
def test_values_whose_deviation_is_no_number_have_no_scale(size, tmp_path):
    """Their squares overflow, or vanish."""
    path = write_csv(tmp_path / 'a.csv', walks(400) * [1, size, 1])
    with pytest.raises(DataError, match=r"'s1' of .* has the standard deviation (inf|0) in its"):
        SeriesDataset(str(path), 'train', 8, 4, PARTS)


@pytest.mark.parametrize(
    ('options', 'error', 'message'),
    [
        (dict(look_back=90), DataError, r'val part of .* 130 rows .* takes 90 \+ 50'),
        (dict(look_back=0), UsageError, 'look_back must be a whole number of at least 1, got 0'),
        (dict(horizon=2.5), UsageError, 'horizon must be a whole number'),
        (dict(part='valid'), UsageError, "part must be one of train, val, test, got 'valid'"),
    ],
)
def test_windows_that_cannot_be_are_refused(options, error, message, tmp_path):
    path = write_csv(tmp_path / 'a.csv', walks(400))
    settings = dict(part='val', look_back=96, horizon=50, split=PARTS) | options
    with pytest.raises(error, match=message):
        SeriesDataset(str(path), **settings)
