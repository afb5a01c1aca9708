"""The floors are what they are called, and their errors are the field's."""

import numpy as np
import pytest
import torch
from made_series import walks, write_csv

from heracles_mm.errors import DataError
from heracles_mm.forecasting import (
    ForecastMetric,
    LinearMap,
    SeriesDataset,
    fit_baselines,
    repeat_last_rows,
    score,
)

PARTS = dict(fractions=(0.7, 0.1, 0.2))


def test_the_last_rows_come_again_and_again():
    inputs = torch.arange(12.0).view(1, 6, 2)
    rows = [10.0, 11.0]
    assert repeat_last_rows(inputs, 3).tolist() == [[rows] * 3]
    found = repeat_last_rows(inputs, 5, rows=2)[0].tolist()
    assert found == [[8, 9], rows, [8, 9], rows, [8, 9]]


@pytest.mark.parametrize('bias', [True, False])
def test_the_linear_map_is_least_squares_over_all_windows(bias):
    """Against numpy's solver on the windows written out, columns pooled."""
    values = torch.from_numpy(walks(120, 2)).float()
    found = LinearMap(values, 6, 3, bias=bias, ridge=1e-9)
    windows = values.double().unfold(0, 9, 1).flatten(0, 1).numpy()
    last = windows[:, 5:6]
    past = windows[:, :6] - last
    if bias:
        past = np.concatenate((past, np.ones_like(last)), axis=1)
    # the last value less itself is zero: any weight will do, and both choose the smallest
    expected = np.linalg.lstsq(past, windows[:, 6:] - last, rcond=None)[0]
    np.testing.assert_allclose(found.weight, expected, atol=1e-4)


def test_the_linear_map_finds_a_linear_law():
    """Each value is twice the one before less the one before that: a straight line."""
    lines = torch.stack([torch.arange(100.0), 5 - 0.5 * torch.arange(100.0)], dim=1)
    forecast = LinearMap(lines[:60], 4, 8, ridge=1e-6)(lines[None, 56:60])
    torch.testing.assert_close(forecast, lines[None, 60:68], atol=1e-2, rtol=0)


def test_a_map_without_a_bias_follows_a_change_of_level_and_scale():
    values = torch.from_numpy(walks(120, 2)).float()
    linear = LinearMap(values, 6, 3, bias=False)
    window = values[None, :6]
    torch.testing.assert_close(linear(7 - 3 * window), 7 - 3 * linear(window))


def test_too_few_rows_are_refused():
    with pytest.raises(DataError, match='needs 12 rows to learn from, and there are 11'):
        LinearMap(torch.randn(11, 2), 8, 4)


@pytest.fixture
def parts(tmp_path):
    path = str(write_csv(tmp_path / 'a.csv', 100 * walks(400)))
    return [SeriesDataset(path, part, 48, 12, PARTS) for part in ('train', 'test')]


def test_the_floors_stand_in_order_where_a_day_repeats(parts):
    """A day's wave with a little noise: the last day beats the last value, a fitted map both."""
    train, test = parts
    errors = {name: score(one, test)['forecast/mse'] for name, one in fit_baselines(train).items()}
    assert min(errors, key=errors.__getitem__).startswith('linear_map')
    assert errors['last_day'] < errors['last_value']


def test_errors_are_means_over_every_window_step_and_column(parts):
    """In scaled values, and in the file's own units, where an error is as large as its column's
    scale; whole batches leave the last windows out."""
    _, test = parts
    inputs, targets = (
        torch.stack([item[name] for item in map(test.__getitem__, range(len(test)))])
        for name in ('inputs', 'targets')
    )
    error = (repeat_last_rows(inputs, 12) - targets).double()
    std = torch.tensor(test.metainfo['std'])
    found = score(lambda x: repeat_last_rows(x, 12), test, whole_batches=32)
    kept = error[: len(error) // 32 * 32]
    assert 0 < len(kept) < len(error)
    expected = {
        'mse': error.square().mean(),
        'mae': error.abs().mean(),
        'mse_units': (error * std).square().mean(),
        'mae_units': (error * std).abs().mean(),
        'mse_whole_batches': kept.square().mean(),
        'mae_whole_batches': kept.abs().mean(),
    }
    assert found == pytest.approx({f'forecast/{k}': v.item() for k, v in expected.items()})


def test_fewer_windows_than_a_batch_have_no_whole_batch():
    metric = ForecastMetric(whole_batches=8)
    metric.dataset_meta = dict(std=[1.0])
    batch = dict(targets=torch.zeros(2, 3, 1))
    metric.process(batch, [dict(forecast=torch.ones(3, 1))] * 2)
    assert set(metric.evaluate(2)) == {
        f'forecast/{name}' for name in ('mse', 'mae', 'mse_units', 'mae_units')
    }
