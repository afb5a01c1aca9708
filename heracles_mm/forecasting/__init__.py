"""Forecasting of series: windows of a CSV, models over them, baselines.

Importing this registers the data set, the metric, the models and the hook in mmengine.
"""

from heracles_mm.forecasting.baselines import LinearMap, fit_baselines, repeat_last_rows, score
from heracles_mm.forecasting.forecast_metric import ForecastMetric
from heracles_mm.forecasting.forecaster import Forecaster
from heracles_mm.forecasting.hamsa_series import HamsaSeries
from heracles_mm.forecasting.heracles_series import HeraclesSeries
from heracles_mm.forecasting.linear_start_hook import LinearStartHook
from heracles_mm.forecasting.series import Series, read_series
from heracles_mm.forecasting.series_backbone import SeriesBackbone
from heracles_mm.forecasting.series_dataset import SeriesDataset
from heracles_mm.forecasting.trained_forecaster import TrainedForecaster, read_forecaster

__all__ = [
    'ForecastMetric',
    'Forecaster',
    'HamsaSeries',
    'HeraclesSeries',
    'LinearMap',
    'LinearStartHook',
    'Series',
    'SeriesBackbone',
    'SeriesDataset',
    'TrainedForecaster',
    'fit_baselines',
    'read_forecaster',
    'read_series',
    'repeat_last_rows',
    'score',
]
