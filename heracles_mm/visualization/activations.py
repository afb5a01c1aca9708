"""How large activations are, block by block."""

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from heracles_mm.visualization.stages import outputs_of

SERIES = {'block': 'o-', 'mixer': 's--', 'ffn': '^:'}
"""What is measured, and how it is drawn: the residual stream behind a block, and its branches."""


def activation_scales(backbone: nn.Module, pictures: Tensor) -> dict[str, list[float]]:
    """Root mean square behind every block, of its mixer's output and of its FFN's, in order.

    Args:
        backbone: with ``stages`` of ``blocks``, each with ``mixer`` and ``ffn``.
        pictures: (B, 3, H, W), normalised.
    """
    blocks = [block for stage in _stages(backbone) for block in stage]
    modules = {
        'block': blocks,
        'mixer': [block.mixer for block in blocks],
        'ffn': [block.ffn for block in blocks],
    }
    every = [module for group in modules.values() for module in group]
    with torch.no_grad(), outputs_of(every) as found:
        backbone(pictures)
    scales = iter(torch.cat([o.flatten() for o in outputs]).float() for outputs in found)
    return {
        name: [next(scales).square().mean().sqrt().item() for _ in group]
        for name, group in modules.items()
    }


def plot_activations(backbones: Mapping[str, nn.Module], pictures: Tensor) -> Figure:
    """Scale over depth on a logarithmic axis, a colour for each named backbone of one shape.

    Arguments as :func:`activation_scales`.
    """
    figure = Figure(figsize=(7.5, 4.2), layout='constrained')
    axes = figure.add_subplot()
    for colour, (name, backbone) in enumerate(backbones.items()):
        for series, values in activation_scales(backbone, pictures).items():
            places = range(1, len(values) + 1)
            label = f'{name}: {series}'
            axes.plot(places, values, SERIES[series], color=f'C{colour}', label=label, ms=4)
    start = 0.5
    for index, blocks in enumerate(_stages(backbone), 1):
        axes.axvline(start, color='0.8', lw=0.8, zorder=0)
        place = (start + len(blocks) / 2, 1.01)
        axes.annotate(
            f'stage {index}', place, xycoords=('data', 'axes fraction'), ha='center', fontsize=8
        )
        start += len(blocks)
    axes.set(yscale='log', xlabel='block', ylabel='root mean square', xlim=(0.5, start))
    axes.set_xticks(range(1, round(start + 0.5)))
    axes.grid(alpha=0.3, axis='y')
    figure.legend(loc='outside right center', fontsize=8)
    return figure


def _stages(backbone: nn.Module) -> list[list]:
    return [list(stage.blocks) for stage in backbone.stages]  # type: ignore[union-attr]
