"""What the spectral stages have learnt: frequency responses of filters, magnitudes of kernels."""

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from heracles_mm.errors import UsageError
from heracles_mm.spectral import SpectralFilter, TokenKernel
from heracles_mm.visualization.spectra import frequency_plane, show_plane
from heracles_mm.visualization.stages import check_stage, modules_by_stage

CHANNELS = 6


def response(module: SpectralFilter | TokenKernel) -> Tensor:
    """The weight of each frequency, (C, H, W): signed for a filter, |K^| for a kernel.

    The zero frequency is in the corner for a cosine filter, in the middle for all others.
    """
    with torch.no_grad():
        if isinstance(module, TokenKernel):
            height, width = module.weight.shape[-2:]
            magnitude = module((height, width), torch.float32).magnitude
            return frequency_plane(magnitude[0], magnitude[-1], (height, width), module.fft_axes)
        weight = module.weight.detach().float()
        return weight if module.transform == 'cosine' else torch.fft.fftshift(weight, dim=(1, 2))


def plot_filters(backbone: nn.Module) -> Figure:
    """Root mean square over the channels of every block's response, a row for each stage.

    Raises:
        ValueError: the backbone has neither filters nor kernels.
    """
    stages = modules_by_stage(backbone, SpectralFilter, TokenKernel)
    columns = max(len(modules) for modules in stages.values())
    figure = Figure(figsize=(2 * columns + 1.9, 2 * len(stages) + 0.9), layout='constrained')
    grid = figure.subplots(len(stages), columns, squeeze=False)
    for row, (stage, modules) in zip(grid, stages.items(), strict=True):
        planes = [response(module).square().mean(0).sqrt().numpy() for module in modules]
        limits = dict(vmin=min(p.min() for p in planes), vmax=max(p.max() for p in planes))
        for index, (axes, module, plane) in enumerate(zip(row, modules, planes), 1):
            image = show_plane(axes, plane, _centred(module), **limits)
            axes.set_title(f'stage {stage}, block {index}', fontsize=8)
        for axes in row[len(planes) :]:
            axes.set_axis_off()
        bar = figure.colorbar(image, ax=list(row[: len(planes)]), shrink=0.9)
        bar.ax.tick_params(labelsize=7)
    figure.suptitle(f'{_name(modules[0])}, root mean square over channels', fontsize=10)
    figure.supxlabel('horizontal frequency, cycles per position', fontsize=8)
    figure.supylabel('vertical frequency', fontsize=8)
    return figure


def plot_channels(backbone: nn.Module, stage: int, count: int = CHANNELS) -> Figure:
    """The ``count`` channels of largest norm of each block's response, a row for each block.

    Args:
        stage: counted from 1.

    Raises:
        ValueError: no such stage, or it has neither filters nor kernels.
    """
    check_stage(backbone, stage)
    blocks = modules_by_stage(backbone, SpectralFilter, TokenKernel).get(stage)
    if blocks is None:
        raise UsageError(f'stage {stage} has neither a SpectralFilter nor a TokenKernel to show')
    count = min(count, len(response(blocks[0])))
    figure = Figure(figsize=(1.6 * count + 1.4, 1.8 * len(blocks) + 0.9), layout='constrained')
    grid = figure.subplots(len(blocks), count, squeeze=False)
    for index, (row, module) in enumerate(zip(grid, blocks, strict=True), 1):
        planes = response(module)
        strongest = planes.flatten(1).norm(dim=1).topk(count).indices.tolist()
        top = planes[strongest].abs().max().item()
        signed = isinstance(module, SpectralFilter)
        limits = dict(vmin=-top if signed else 0, vmax=top, cmap='RdBu_r' if signed else None)
        for axes, channel in zip(row, strongest, strict=True):
            image = show_plane(axes, planes[channel].numpy(), _centred(module), **limits)
            axes.set_title(f'block {index}, channel {channel}', fontsize=7)
        figure.colorbar(image, ax=list(row), shrink=0.9).ax.tick_params(labelsize=7)
    figure.suptitle(f'{_name(blocks[0])} of stage {stage}, strongest channels', fontsize=10)
    figure.supxlabel('horizontal frequency, cycles per position', fontsize=8)
    figure.supylabel('vertical frequency', fontsize=8)
    return figure


def _name(module: SpectralFilter | TokenKernel) -> str:
    if isinstance(module, TokenKernel):
        return f'Hamsa: |K^| of the kernels over {module.fft_axes}'
    return f'Heracles: {module.transform} filters'


def _centred(module: SpectralFilter | TokenKernel) -> bool:
    return isinstance(module, TokenKernel) or module.transform != 'cosine'
