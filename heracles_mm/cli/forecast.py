"""Forecast the rows that follow a CSV: ``python -m heracles_mm.cli.forecast CHECKPOINT CSV``.

Writes them in the units of the file, and draws them behind its last days, with the forecast of one
linear map beside them.
"""

import argparse
import csv
import io
import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import MMLogger

import heracles_mm.forecasting  # noqa: F401  (registers the models)
from heracles_mm.checkpoints.writing import check_output, write_whole
from heracles_mm.cli import common
from heracles_mm.cli.arguments import OneLineParser
from heracles_mm.cli.running import CommandLine, print_line
from heracles_mm.errors import UserError
from heracles_mm.forecasting.baselines import LinearMap, repeat_last_rows
from heracles_mm.forecasting.series import Series
from heracles_mm.forecasting.steps import (
    MONTHS,
    as_text,
    rows_per_day,
    skips_weekends,
    times_after,
)
from heracles_mm.forecasting.trained_forecaster import read_forecaster

NAME = 'forecast'
EXAMPLES = (
    'best.pth data/ett/ETTh1.csv --out forecast.csv --picture forecast.png',
    'published.pth load.csv --out forecast.csv --config configs/heracles_csv.py',
)
SHOWN = 2
"""Horizons of the past that the picture shows."""


def forecast(args: argparse.Namespace) -> None:
    """Forecast the rows that follow a CSV."""
    out = Path(args.out).expanduser()
    if out.suffix != '.csv':
        raise UserError(f'--out writes a CSV: its name must end in .csv, not {args.out}')
    if args.picture:
        from heracles_mm.visualization.figures import check_picture_path

        check_picture_path(args.picture)
    for written in filter(None, (out, args.picture)):
        check_output(written, args.csv, args.checkpoint, args.config)
    common.check_checkpoint_path(args.checkpoint)
    if not MMLogger.check_instance_created(NAME):
        MMLogger.get_instance(NAME, log_level='WARNING')  # a complete load is silent
    settings = common.read_config(args, 'model').model if args.config else None
    forecaster = read_forecaster(args.checkpoint, settings)
    series = forecaster.read(args.csv)
    values = forecaster.scaled(series)
    window = values[None, -forecaster.model.backbone.look_back :]  # (1, look_back, columns)
    with torch.no_grad():
        found = forecaster.unscaled(forecaster.model(window)[0])  # (horizon, columns)
    future = times_after(series.times, series.step, len(found))
    if series.step.dtype != MONTHS and (np.diff(series.times) != series.step).any():
        days = ' from Monday to Friday' if skips_weekends(series.times, series.step) else ''
        print_line(
            NAME,
            f'warning: the rows of {args.csv} are irregular, so the times of the forecast are '
            f'guesses, {series.step.item()} apart{days}',
        )
    times = [as_text(time, series.zone) for time in future]
    write_whole(_csv([forecaster.date, *series.columns], times, found), out)
    print(f'{out}: {len(found)} rows of {len(series.columns)} columns, to {times[-1]}')
    if args.picture:
        name, baseline = _baseline(series, values, window, len(found))
        forecasts = {'forecast': found, name: forecaster.unscaled(baseline)}
        _draw(args.picture, series, future, forecasts)


def _baseline(
    series: Series, values: torch.Tensor, window: torch.Tensor, horizon: int
) -> tuple[str, torch.Tensor]:
    """The linear map of the file's own rows or, where they are too few, its last day again."""
    look_back = window.shape[1]
    if len(values) < 2 * (look_back + horizon):
        day = min(rows_per_day(series.step), look_back)
        repeat = partial(repeat_last_rows, horizon=horizon, rows=day)
        return 'the last day again' if day > 1 else 'the last value again', repeat(window)[0]
    return 'a linear map of this file', LinearMap(values, look_back, horizon)(window)[0]


def _csv(header: list[str], times: list[str], found: np.ndarray) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(header)
    for time, row in zip(times, found, strict=True):
        writer.writerow([time, *(f'{value:.6g}' for value in row)])
    return text.getvalue().encode()


def _draw(path: Path, series: Series, future: np.ndarray, forecasts: dict) -> None:
    from heracles_mm.visualization import save_figure
    from heracles_mm.visualization.forecasts import MOST_PANELS, plot_forecast

    rows = slice(-SHOWN * len(future), None)
    figure = plot_forecast(
        series.times[rows], series.values[rows], series.columns, future, forecasts
    )
    save_figure(figure, path)
    count = len(series.columns)
    drawn = f'the first {MOST_PANELS} of {count} columns, ' if count > MOST_PANELS else ''
    print(f'{path}: {drawn}beside {[*forecasts][1]}')


def _add_arguments(parser: OneLineParser) -> None:
    add = parser.add_argument
    add('checkpoint', help='checkpoint of tools/train.py with a config of series')
    add('csv', help='a CSV with the columns that it was trained on; its last rows are looked at')
    add('--out', required=True, metavar='FILE.csv', help='the forecast, in the units of the file')
    add('--picture', type=Path, metavar='FILE', help='*.png or *.svg')
    add('--config', help="the model's config, where the checkpoint does not carry it")
    parser.set_defaults(cfg_options=None)


main = CommandLine(forecast, _add_arguments, EXAMPLES)

if __name__ == '__main__':
    sys.exit(main())
