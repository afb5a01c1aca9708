"""Windows of a CSV of series, scaled by its training rows."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.registry import DATASETS
from torch import Tensor
from torch.utils.data import Dataset

from heracles_mm.errors import DataError, UsageError
from heracles_mm.forecasting.series import Series, read_series
from heracles_mm.forecasting.splits import PARTS, Split, split_rows


@DATASETS.register_module()
class SeriesDataset(Dataset):
    """Every window of a part of a CSV: ``look_back`` rows and the ``horizon`` rows after them.

    A window of val or test may look back on rows of the part before; what it forecasts lies in its
    own part. So the test set of ETTh1 has 2785 windows for a horizon of 96, whatever the look-back.

    Args:
        csv_file: a CSV with a header, a column of times and columns of numbers
            (:func:`~heracles_mm.forecasting.series.read_series`).
        part: 'train', 'val' or 'test'.
        look_back: rows that a forecast is made from.
        horizon: rows that are forecast.
        split: how the rows are divided (:func:`~heracles_mm.forecasting.splits.split_rows`).
        data_root: folder of ``csv_file``.
        columns: those to take; None for all but the times.
        date: the column of the times.
        regular: rows must be one step apart; False takes them as steps, whatever their times.

    Items: ``inputs`` (look_back, columns) and ``targets`` (horizon, columns), float32, less the
    mean and divided by the (population) standard deviation of the column's training rows.

    Attributes:
        metainfo: ``columns``, their ``mean`` and ``std``, ``date``, ``regular``, and ``step``, the
            number and the unit ('s' or 'M') from a row to the next. A checkpoint keeps it.

    Raises:
        DataError: the file cannot be used, or a part has too few rows.
        UsageError: an option is none.
    """

    def __init__(
        self,
        csv_file: str,
        part: str,
        look_back: int,
        horizon: int,
        split: Split,
        *,
        data_root: str = '',
        columns: Sequence[str] | None = None,
        date: str = 'date',
        regular: bool = True,
    ) -> None:
        if part not in PARTS:
            raise UsageError(f'part must be one of {", ".join(PARTS)}, got {part!r}')
        check_lengths(look_back=look_back, horizon=horizon)
        self.look_back, self.horizon = look_back, horizon
        path = os.path.join(data_root, csv_file)
        series = read_series(path, columns, date, regular)
        borders = split_rows(series.times, series.step, split)
        mean, std = _scale(series, borders['train'][1], path)
        begin, end = borders[part]
        if part != 'train':
            begin = max(0, begin - look_back)
        if end - begin < look_back + horizon:
            raise DataError(
                f'the {part} part of {path} has {end - begin} rows to look at, and a window takes '
                f'{look_back} + {horizon}: give a smaller look_back or horizon, or another split'
            )
        scaled = (series.values[begin:end] - mean) / std
        self.values = torch.from_numpy(scaled.astype(np.float32))  # (rows, columns)
        self.metainfo: dict[str, Any] = dict(
            columns=list(series.columns),
            mean=mean.tolist(),
            std=std.tolist(),
            date=date,
            regular=regular,
            step=[int(series.step.astype(int)), np.datetime_data(series.step)[0]],
        )

    def __len__(self) -> int:
        return len(self.values) - self.look_back - self.horizon + 1

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        middle = index + self.look_back
        return dict(
            inputs=self.values[index:middle], targets=self.values[middle : middle + self.horizon]
        )


def check_lengths(**lengths: int) -> None:
    """Raise a UsageError for a length, by its name, that is no whole number of at least 1."""
    for name, length in lengths.items():
        if not isinstance(length, int) or isinstance(length, bool) or length < 1:
            raise UsageError(f'{name} must be a whole number of at least 1, got {length!r}')


def _scale(series: Series, rows: int, path: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean and population standard deviation of each column's first ``rows`` rows."""
    training = series.values[:rows]
    constant = training.min(0) == training.max(0)
    if constant.any():
        name = series.columns[int(constant.argmax())]
        raise DataError(
            f'{name!r} of {path} has one value in all {rows} training rows, so it has no scale: '
            'leave it out of columns'
        )
    with np.errstate(over='ignore', under='ignore'):
        mean, std = training.mean(0), training.std(0)
    beyond = ~np.isfinite(std) | (std == 0)
    if beyond.any():
        at = int(beyond.argmax())
        raise DataError(
            f'{series.columns[at]!r} of {path} has the standard deviation {std[at]:g} in its '
            'training rows, which is no scale: write it in another unit, or leave it out of columns'
        )
    return mean, std
