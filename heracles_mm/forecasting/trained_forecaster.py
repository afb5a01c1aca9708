"""A forecaster of a checkpoint, and what it says of a series' next rows."""

from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.registry import MODELS
from torch import Tensor

from heracles_mm.checkpoints import CheckpointError, load_weights, read_checkpoint
from heracles_mm.checkpoints.config_text import config_of
from heracles_mm.errors import DataError
from heracles_mm.forecasting.forecaster import Forecaster
from heracles_mm.forecasting.hamsa_series import HamsaSeries
from heracles_mm.forecasting.heracles_series import HeraclesSeries
from heracles_mm.forecasting.series import Series, read_series

BACKBONES = (HeraclesSeries.__name__, HamsaSeries.__name__)
"""What a checkpoint's own config may build: it may come from a stranger."""


class TrainedForecaster(NamedTuple):
    """A forecaster in eval mode, and the series it was trained on."""

    model: Forecaster
    columns: list[str]
    mean: np.ndarray
    std: np.ndarray
    date: str
    regular: bool
    step: np.timedelta64

    def read(self, csv_file: str) -> Series:
        """The same columns of another file.

        Raises:
            DataError: it cannot be used, has other steps, or fewer rows than a forecast needs.
        """
        series = read_series(csv_file, self.columns, self.date, self.regular)
        if (series.step.dtype, series.step) != (self.step.dtype, self.step):
            raise DataError(
                f'the rows of {csv_file} are {series.step} apart and the forecaster was trained on '
                f'rows {self.step} apart: give a file with the same step'
            )
        if len(series.values) < self.model.backbone.look_back:
            raise DataError(
                f'{csv_file} has {len(series.values)} rows and a forecast is made from the last '
                f'{self.model.backbone.look_back}: give a longer file'
            )
        return series

    def scaled(self, series: Series) -> Tensor:
        """Its values in the scale of the training rows, (rows, columns), float32."""
        return torch.from_numpy(((series.values - self.mean) / self.std).astype(np.float32))

    def unscaled(self, values: Tensor) -> np.ndarray:
        """Scaled values (rows, columns) in the units of the file."""
        return values.double().numpy() * self.std + self.mean


def read_forecaster(checkpoint: str, settings: dict | None = None) -> TrainedForecaster:
    """Build the forecaster of a checkpoint, and load its weights.

    Args:
        checkpoint: of tools/train.py, which keeps the columns and their scale in it.
        settings: of the model; None for those of the config that the checkpoint carries, of which
            nothing is run.

    Raises:
        CheckpointError: it cannot be read, or is of another kind.
    """
    content = read_checkpoint(checkpoint)
    info = series_info(content)
    if not info:
        raise CheckpointError(
            f'{checkpoint} does not say which columns it forecasts and in what scale: name a '
            'checkpoint that tools/train.py made with a SeriesDataset'
        )
    model = MODELS.build(_settings(content, checkpoint) if settings is None else settings)
    load_weights(model, content)
    return TrainedForecaster(
        model.eval(),
        columns=info['columns'],
        mean=np.array(info['mean']),
        std=np.array(info['std']),
        date=info['date'],
        regular=info['regular'],
        step=np.timedelta64(*info['step']),
    )


def series_info(checkpoint: Any) -> dict[str, Any]:
    """The ``metainfo`` of the SeriesDataset that a checkpoint was trained on; empty if of none."""
    meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
    info = meta.get('dataset_meta') if isinstance(meta, dict) else None
    known = {'columns', 'mean', 'std', 'date', 'regular', 'step'}
    return info if isinstance(info, dict) and info.keys() >= known else {}


def _settings(content: Any, checkpoint: str) -> dict[str, Any]:
    try:
        model = config_of(content).get('model') or {}
    except CheckpointError as error:
        raise CheckpointError(f'{checkpoint}: {error}: give its config with --config') from error
    backbone = dict(model.get('backbone') or {})
    if model.get('type') != 'Forecaster' or backbone.get('type') not in BACKBONES:
        raise CheckpointError(
            f'the config in {checkpoint} is of no Forecaster with a backbone of '
            f'{" or ".join(BACKBONES)}: give its config with --config'
        )
    backbone['init_cfg'] = None
    return {**model, 'backbone': backbone, 'data_preprocessor': None, 'init_cfg': None}
