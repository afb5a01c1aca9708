"""Planes of frequencies: responses of filters, magnitudes of kernels, gates of SpectralPulseNet.

The zero frequency is in the middle (Fourier, Hartley) or in a corner (cosine).
"""

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.image import AxesImage
from torch import Tensor, nn

from heracles_mm.errors import UsageError
from heracles_mm.spectral import SASS, SpectralFilter, SpectralPulseNet, TokenKernel
from heracles_mm.visualization.activations import check_stage, modules_by_stage, outputs_of
from heracles_mm.visualization.figures import show_picture

CHANNELS = 6
Weights = SpectralFilter | TokenKernel


def plot_filters(backbone: nn.Module) -> Figure:
    """Root mean square over the channels of every block's response, a row for each stage.

    Raises:
        ValueError: the backbone has neither filters nor kernels.
    """
    stages = modules_by_stage(backbone, SpectralFilter, TokenKernel)
    rows = [
        [
            (f'stage {stage}, block {index}', response(module).square().mean(0).sqrt())
            for index, module in enumerate(modules, 1)
        ]
        for stage, modules in stages.items()
    ]
    columns = max(map(len, rows))
    figure = Figure(figsize=(2 * columns + 1.9, 2 * len(rows) + 0.9), layout='constrained')
    first = next(iter(stages.values()))[0]
    figure.suptitle(f'{_name(first)}, root mean square over channels', fontsize=10)
    _draw_rows(figure, rows, _is_centred(first))
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
    rows = []
    for index, module in enumerate(blocks, 1):
        planes = response(module)
        strongest = planes.flatten(1).norm(dim=1).topk(min(count, len(planes))).indices.tolist()
        rows.append([(f'block {index}, channel {c}', planes[c]) for c in strongest])
    width = 1.6 * len(rows[0]) + 1.4
    figure = Figure(figsize=(width, 1.8 * len(rows) + 0.9), layout='constrained')
    figure.suptitle(f'{_name(blocks[0])} of stage {stage}, strongest channels', fontsize=10)
    cmap = 'RdBu_r' if isinstance(blocks[0], SpectralFilter) else None
    _draw_rows(figure, rows, _is_centred(blocks[0]), cmap, fontsize=7)
    return figure


def plot_gates(backbone: nn.Module, picture: Tensor) -> Figure:
    """The picture, and beside it the mean gate over the channels of every block, a row for each
    stage. Arguments and errors as :func:`gate_values`."""
    rows = [
        [(f'stage {stage}, block {index}', gate.mean(0)) for index, gate in enumerate(gates, 1)]
        for stage, gates in gate_values(backbone, picture).items()
    ]
    columns = max(map(len, rows))
    figure = Figure(figsize=(2 * columns + 4, 2 * len(rows) + 0.9), layout='constrained')
    ratios = (2, 2 * columns + 2)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=ratios)[0]
    figure.suptitle('SpectralPulseNet: gate of each frequency, mean over channels', fontsize=10)
    show_picture(left.subplots(), picture)
    _draw_rows(right, rows, True, 'magma')
    return figure


def gate_values(backbone: nn.Module, picture: Tensor) -> dict[int, list[Tensor]]:
    """Stage, counted from 1 -> gate of each block, (C, H, W), 0 to 1, zero frequency in the middle,
    on the CPU.

    Args:
        backbone: a HAMSA.
        picture: (1, 3, H, W), normalised.

    Raises:
        ValueError: the backbone has no gates.
    """
    stages = modules_by_stage(backbone, SASS)
    pulses = {
        sass: next(module for module in sass.modules() if isinstance(module, SpectralPulseNet))
        for mixers in stages.values()
        for sass in mixers
    }
    with torch.no_grad():
        found = outputs_of(backbone, picture, [*pulses, *pulses.values()])

    def plane(sass: SASS) -> Tensor:
        height, width = found[sass].shape[1:3]
        gate = found[pulses[sass]].flatten(0, -2).cpu()  # (bins, C)
        if sass.fft_axes == 'grid':
            gate = gate.unflatten(0, (height, -1))
        return frequency_plane(gate, gate, (height, width), sass.fft_axes)

    return {stage: [plane(sass) for sass in mixers] for stage, mixers in stages.items()}


def response(module: Weights) -> Tensor:
    """The weight of each frequency, (C, H, W) on the CPU: a filter's (signed), a kernel's |K^|."""
    with torch.no_grad():
        if isinstance(module, TokenKernel):
            height, width = module.weight.shape[-2:]
            magnitude = module((height, width), torch.float32).abs().movedim(1, -1).cpu()
            return frequency_plane(magnitude[0], magnitude[-1], (height, width), module.fft_axes)
        weight = module.weight.detach().float().cpu()
        return torch.fft.fftshift(weight, dim=(1, 2)) if _is_centred(module) else weight


def frequency_plane(at: Tensor, opposite: Tensor, grid: tuple[int, int], fft_axes: str) -> Tensor:
    """All bins of a half spectrum as a plane, zero frequency in the middle.

    The 1-D spectrum over the H W tokens of a map, in row-major order, is a plane too: bin k turns
    k / H times along a column (whole turns do not show) and k / (H W) times from one column to the
    next. So column k // H, row k mod H is bin k, and the horizontal frequency of a row is off its
    column's by less than a column.

    Args:
        at: values at the half spectrum's bins, (bins, C) for 'tokens', (H, W // 2 + 1, C) for
            'grid', real.
        opposite: values at the negated frequencies.
        grid: (H, W).
        fft_axes: as in :class:`~heracles_mm.spectral.SASS`.

    Returns:
        (C, H, W).
    """
    height, width = grid
    if fft_axes == 'tokens':
        rest = (height * width + 1) // 2
        line = torch.cat((at, opposite[1:rest].flip(0)))  # (H W, C)
        plane = line.unflatten(0, (width, height)).transpose(0, 1)
    else:
        rest = (width + 1) // 2
        other = opposite[:, 1:rest].flip((0, 1)).roll(1, 0)  # row f_y of -f stands at -f_y
        plane = torch.cat((at, other), dim=1)
    return torch.fft.fftshift(plane.permute(2, 0, 1), dim=(1, 2))


def _draw_rows(
    figure: FigureBase,
    rows: Sequence[Sequence[tuple[str, Tensor]]],
    centred: bool,
    cmap: str | None = None,
    fontsize: int = 8,
) -> None:
    """Rows of named planes (H, W), each on its own scale, symmetric where there are both signs."""
    grid = figure.subplots(len(rows), max(map(len, rows)), squeeze=False)
    for line, row in zip(grid, rows, strict=True):
        values = torch.stack([plane for _, plane in row])
        low, high = values.min().item(), values.max().item()
        if low < 0:
            low, high = min(low, -high), max(-low, high)
        for axes, (title, plane) in zip(line, row):
            image = _show_plane(axes, plane, centred, vmin=low, vmax=high, cmap=cmap)
            axes.set_title(title, fontsize=fontsize)
        for axes in line[len(row) :]:
            axes.set_axis_off()
        figure.colorbar(image, ax=list(line[: len(row)]), shrink=0.9).ax.tick_params(labelsize=7)
    figure.supxlabel('horizontal frequency, cycles per position', fontsize=8)
    figure.supylabel('vertical frequency', fontsize=8)


def _show_plane(axes: Axes, plane: Tensor, centred: bool, **options) -> AxesImage:
    """Draw (H, W) values over frequencies in cycles per position, upwards and to the right."""
    x, y = (_edges(count, centred) for count in reversed(plane.shape))
    ticks = [-0.5, -0.25, 0, 0.25] if centred else [0, 0.25]
    image = axes.imshow(plane.numpy(), origin='lower', extent=(*x, *y), **options)
    axes.set(xticks=ticks, yticks=ticks, xlim=x, ylim=y)
    axes.tick_params(labelsize=7)
    place = axes.get_subplotspec()
    if place is not None and not place.is_first_col():
        axes.set_yticklabels([])
    return image


def _edges(count: int, centred: bool) -> tuple[float, float]:
    """Where the first of ``count`` bins begins and the last ends, each half a bin round its own."""
    if centred:  # bin k of n stands for (k - n // 2) / n
        return (-(count // 2) - 0.5) / count, (count - count // 2 - 0.5) / count
    return -0.25 / count, 0.5 - 0.25 / count  # bin k of n stands for k / 2 n


def _name(module: Weights) -> str:
    if isinstance(module, TokenKernel):
        return f'Hamsa: |K^| of the kernels over {module.fft_axes}'
    return f'Heracles: {module.transform} filters'


def _is_centred(module: Weights) -> bool:
    return isinstance(module, TokenKernel) or module.transform != 'cosine'
