"""How far forecasts are from what came."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS


@METRICS.register_module()
class ForecastMetric(BaseMetric):
    """Mean squared and mean absolute error over every window, step and column of a data set.

    ``mse`` and ``mae`` are of the scaled values, as the field reports them. ``mse_units`` and
    ``mae_units`` are the means over the columns in the file's own units (and their squares), which
    is only as meaningful as these can be added.

    Takes the ``targets`` (B, horizon, columns) of a batch and, of each sample, ``forecast``
    (horizon, columns).

    Args:
        whole_batches: give ``mse`` and ``mae`` without the last windows that fill no batch of so
            many, too, as ``mse_whole_batches`` and ``mae_whole_batches``: many published figures
            are those.
        collect_device, prefix: mmengine's.
    """

    default_prefix = 'forecast'

    def __init__(
        self,
        whole_batches: int | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix)
        self.whole_batches = whole_batches

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the two errors of each window and column."""
        for target, sample in zip(data_batch['targets'], data_samples, strict=True):
            error = (sample['forecast'].cpu() - target.cpu()).double()
            self.results.append(
                (error.square().mean(0).numpy(), error.abs().mean(0).numpy())  # (columns,) each
            )

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Means over windows and columns."""
        errors = np.array(results)  # (windows, 2, columns)
        squared, absolute = errors.mean(0)
        std = np.array(self.dataset_meta['std'])
        found = dict(
            mse=squared.mean(),
            mae=absolute.mean(),
            mse_units=(squared * std**2).mean(),
            mae_units=(absolute * std).mean(),
        )
        size = self.whole_batches
        if size and len(errors) >= size:
            squared, absolute = errors[: len(errors) // size * size].mean(0)
            found |= dict(mse_whole_batches=squared.mean(), mae_whole_batches=absolute.mean())
        return {name: float(value) for name, value in found.items()}
