"""Filters and kernels over the tokens of a series, drawn over periods."""

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from heracles_mm.errors import UsageError
from heracles_mm.forecasting.series_backbone import SeriesBackbone
from heracles_mm.forecasting.steps import DAY, MONTHS
from heracles_mm.spectral import SpectralFilter, TokenKernel

MARKS: dict[str, dict[float, str]] = {
    'rows': {},
    'hours': {24: 'a day', 168: 'a week'},
    'days': {7: 'a week', 365.25: 'a year'},
    'months': {12: 'a year'},
}
"""Unit of periods -> what is marked."""


def plot_periods(backbone: SeriesBackbone, step: np.timedelta64 | None) -> Figure:
    """A panel for each layer's filter or kernel: the size of its response to waves of a period,
    root mean square over the channels above and the channels themselves in grey.

    Args:
        backbone: of a forecaster.
        step: from a row of its series to the next, of which the periods become hours, days or
            months; None leaves them in rows.

    Raises:
        UsageError: it has neither filters nor kernels.
    """
    layers = [
        (index, module)
        for index, block in enumerate(backbone.blocks, 1)
        for module in block.modules()
        if isinstance(module, SpectralFilter | TokenKernel)
    ]
    if not layers:
        raise UsageError(f'this {type(backbone).__name__} has neither filters nor kernels to show')
    unit, length = _length(step)
    figure = Figure(figsize=(7, 2.2 * len(layers) + 0.4), layout='constrained')
    panels = figure.subplots(len(layers), 1, squeeze=False, sharex=True)[:, 0]
    for axes, (index, module) in zip(panels, layers, strict=True):
        turns, size = token_response(module)
        periods = length * backbone.stride / turns[1:].numpy()  # the mean, bin 0, has none
        axes.plot(periods, size[:, 1:].T, color='0.8', lw=0.7)
        axes.plot(periods, size[:, 1:].square().mean(0).sqrt(), 'o-', ms=3, color='C0')
        axes.set(xscale='log', ylim=(0, None))
        axes.set_title(f'layer {index}, {_name(module)}', fontsize=9)
        for mark, words in MARKS[unit].items():
            if periods.min() * 0.999 <= mark <= periods.max() * 1.001:  # also at an end
                axes.axvline(mark, color='C1', lw=0.8, zorder=0)
                axes.text(mark, 1, words, fontsize=7, transform=axes.get_xaxis_transform())
    ticks = np.unique(periods.round(1))[:: max(1, len(periods) // 12)]
    panels[-1].set_xticks(ticks, [f'{tick:g}' for tick in ticks], fontsize=7)
    panels[-1].set_xticks([], minor=True)
    panels[-1].set_xlabel(f'period, {unit}')
    return figure


def _length(step: np.timedelta64 | None) -> tuple[str, float]:
    """The unit in which a step is best read, and how many of them it is."""
    if step is None:
        return 'rows', 1.0
    if step.dtype == MONTHS:
        return 'months', float(step.astype(int))
    return ('days', step / DAY) if step >= DAY else ('hours', step / np.timedelta64(1, 'h'))


def token_response(module: SpectralFilter | TokenKernel) -> tuple[Tensor, Tensor]:
    """The frequencies of a 1-D filter or kernel, (bins,), in turns a token, and the size of its
    weight for each, (C, bins), on the CPU.

    Bin k of a cosine filter over T tokens is k / 2 T turns a token, of the others k / T; of these a
    bin and its negative are one wave, and the size is the root mean square of both.
    """
    with torch.no_grad():
        if isinstance(module, TokenKernel):
            height, width = module.weight.shape[-2:]
            size = module((height, width), torch.float32).abs().cpu()  # (1 or 2, C, bins)
            return torch.arange(size.shape[2]) / (height * width), size.square().mean(0).sqrt()
        weight = module.weight.detach().float().abs().cpu()  # (C, T)
        count = weight.shape[1]
        bins = torch.arange(count)
        if module.transform == 'cosine':
            return bins / (2 * count), weight
        pairs = torch.stack((weight, weight[:, -bins % count])).square().mean(0).sqrt()
        half = count // 2 + 1
        return bins[:half] / count, pairs[:, :half]


def _name(module: SpectralFilter | TokenKernel) -> str:
    if isinstance(module, TokenKernel):
        return 'size of |K^|'
    return f'size of the {module.transform} filter'
