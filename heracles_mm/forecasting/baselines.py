"""What a forecast must beat: the last value, the last day, and one linear map.

Each takes scaled windows (B, look_back, columns) and gives (B, horizon, columns).
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from mmengine.dataset import default_collate
from torch import Tensor
from torch.utils.data import DataLoader

from heracles_mm.errors import DataError
from heracles_mm.forecasting.forecast_metric import ForecastMetric
from heracles_mm.forecasting.series_dataset import SeriesDataset
from heracles_mm.forecasting.steps import rows_per_day

Forecast = Callable[[Tensor], Tensor]

RIDGE = 1.0
"""Added to the diagonal of the normal equations, whose entries are sums over all windows."""

CHUNK = 2**24
"""Numbers of training windows in memory at a time."""

BATCH = 256
"""Windows that are forecast at a time."""


def repeat_last_rows(inputs: Tensor, horizon: int, rows: int = 1) -> Tensor:
    """The last ``rows`` rows again and again: the last value, or with a day's rows the last day."""
    period = inputs[:, -rows:]  # (B, rows, columns)
    return period.repeat(1, -(-horizon // period.shape[1]), 1)[:, :horizon]


class LinearMap:
    """One linear map from a window to the future, shared by all columns, in closed form.

    Window and future are taken less the window's last value, and the weight is the minimum of the
    squared errors over all training windows plus ``ridge`` times its own square.

    Args:
        values: the training rows, (rows, columns), scaled.
        look_back, horizon: rows of a window and of the future.
        bias: add what a flat window is followed by, on average.
        ridge: keeps the equations solvable.

    Attributes:
        weight: (look_back, horizon), or with a bias (look_back + 1, horizon), the bias last;
            float32.

    Raises:
        DataError: there are too few rows for one window.
    """

    def __init__(
        self,
        values: Tensor,
        look_back: int,
        horizon: int,
        *,
        bias: bool = True,
        ridge: float = RIDGE,
    ) -> None:
        self.bias = bias
        length = look_back + horizon
        if len(values) < length:
            raise DataError(
                f'a linear map from {look_back} to {horizon} rows needs {length} rows to learn '
                f'from, and there are {len(values)}'
            )
        windows = values.double().unfold(0, length, 1)  # (windows, columns, length), a view
        gram = torch.eye(look_back + bias, dtype=torch.double) * ridge
        product = torch.zeros(look_back + bias, horizon, dtype=torch.double)
        for part in windows.split(max(1, CHUNK // windows[0].numel())):
            past, future = part.flatten(0, 1).split((look_back, horizon), dim=1)
            past, last = self._less_last(past)
            gram += past.mT @ past
            product += past.mT @ (future - last)
        self.weight = torch.linalg.solve(gram, product).float()

    def __call__(self, inputs: Tensor) -> Tensor:
        past, last = self._less_last(inputs.mT)
        return (past @ self.weight + last).mT

    def _less_last(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """Windows (..., look_back) less their last value, with a one where there is a bias, and
        that value (..., 1)."""
        last = past[..., -1:]
        past = past - last
        return (torch.cat((past, torch.ones_like(last)), -1) if self.bias else past), last


def fit_baselines(train: SeriesDataset) -> dict[str, Forecast]:
    """Name -> forecast, for the windows of a data set; ``train`` is its training part."""
    number, unit = train.metainfo['step']
    day = min(rows_per_day(np.timedelta64(number, unit)), train.look_back)
    repeat = partial(repeat_last_rows, horizon=train.horizon)
    lengths = train.look_back, train.horizon
    return {
        'linear_map': LinearMap(train.values, *lengths),
        'linear_map_no_bias': LinearMap(train.values, *lengths, bias=False),
        'last_day': partial(repeat, rows=day),
        'last_value': repeat,
    }


def score(
    forecast: Forecast, dataset: SeriesDataset, whole_batches: int | None = None
) -> dict[str, float]:
    """The errors of a forecast over every window of a data set, as
    :class:`~heracles_mm.forecasting.forecast_metric.ForecastMetric` has them."""
    metric = ForecastMetric(whole_batches)
    metric.dataset_meta = dataset.metainfo
    for batch in DataLoader(dataset, BATCH, collate_fn=default_collate):
        found = forecast(batch['inputs'])
        metric.process(batch, [dict(forecast=one) for one in found])
    return metric.evaluate(len(dataset))
