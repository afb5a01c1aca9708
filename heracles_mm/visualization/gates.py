"""Which frequencies of a picture SpectralPulseNet lets through."""

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from heracles_mm.spectral import SASS, SpectralPulseNet
from heracles_mm.visualization.panels import show_picture
from heracles_mm.visualization.spectra import frequency_plane, show_plane
from heracles_mm.visualization.stages import modules_by_stage, outputs_of


def gate_values(backbone: nn.Module, picture: Tensor) -> dict[int, list[Tensor]]:
    """Stage, counted from 1 -> gate of each block, (C, H, W), 0 to 1, zero frequency in the middle.

    Args:
        backbone: a HAMSA.
        picture: (1, 3, H, W), normalised.

    Raises:
        ValueError: the backbone has no gates.
    """
    stages = modules_by_stage(backbone, SASS)
    mixers = [mixer for modules in stages.values() for mixer in modules]
    pulses = [next(m for m in sass.modules() if isinstance(m, SpectralPulseNet)) for sass in mixers]
    with torch.no_grad(), outputs_of(pulses) as parts, outputs_of(mixers) as maps:
        backbone(picture)
    planes = []
    for sass, pieces, (output,) in zip(mixers, parts, maps, strict=True):
        height, width = output.shape[1:3]
        gate = torch.cat([piece.flatten(0, -2) for piece in pieces])  # (bins, C), part by part
        if sass.fft_axes == 'grid':
            gate = gate.unflatten(0, (height, -1))
        planes.append(frequency_plane(gate, gate, (height, width), sass.fft_axes))
    found = iter(planes)
    return {stage: [next(found) for _ in modules] for stage, modules in stages.items()}


def plot_gates(backbone: nn.Module, picture: Tensor) -> Figure:
    """The picture, and below it the mean gate over the channels of every block, a row for each
    stage. Arguments and errors as :func:`gates`."""
    found = gate_values(backbone, picture)
    columns = max(len(planes) for planes in found.values())
    figure = Figure(figsize=(2 * columns + 4, 2 * len(found) + 0.9), layout='constrained')
    halves = figure.subfigures(1, 2, squeeze=False, width_ratios=(2, 2 * columns + 2))
    left, right = halves[0]
    show_picture(left.subplots(), picture)
    grid = right.subplots(len(found), columns, squeeze=False)
    for row, (stage, planes) in zip(grid, found.items(), strict=True):
        means = [plane.mean(0).numpy() for plane in planes]
        limits = dict(vmin=min(m.min() for m in means), vmax=max(m.max() for m in means))
        for index, (axes, mean) in enumerate(zip(row, means), 1):
            image = show_plane(axes, mean, centred=True, cmap='magma', **limits)
            axes.set_title(f'stage {stage}, block {index}', fontsize=8)
        for axes in row[len(means) :]:
            axes.set_axis_off()
        bar = right.colorbar(image, ax=list(row[: len(means)]), shrink=0.9)
        bar.ax.tick_params(labelsize=7)
    figure.suptitle('SpectralPulseNet: gate of each frequency, mean over channels', fontsize=10)
    right.supxlabel('horizontal frequency, cycles per position', fontsize=8)
    right.supylabel('vertical frequency', fontsize=8)
    return figure
