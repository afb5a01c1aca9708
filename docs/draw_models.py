"""Draw the diagrams of the model pages: python docs/draw_models.py.

The upper half is read from a built model of size S: depths, widths, the map after every stage.
"""

from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from heracles_mm import Hamsa, Heracles

IMAGES = Path(__file__).with_name('images')
SIDE = 224
COLOURS = {
    'data': '#eeeeee',
    'shared': '#d5e3f0',
    'spectral': '#fbe3b9',
    'local': '#d8ecd0',
    'attention': '#f3d3d8',
}

Boxes = list[tuple[str, str]]
"""(text, kind of COLOURS) from left to right."""

# What a block's mixer does, one line of boxes per branch.
MIXERS: dict[str, list[tuple[str, Boxes]]] = {
    'heracles': [
        (
            'spectral mixer,\nhalf of the channels',
            [
                ('LN(x)', 'data'),
                ('DCT or DHT', 'spectral'),
                ('× weight per\nfrequency', 'spectral'),
                ('inverse', 'spectral'),
                ('interleave with\nthe other half', 'data'),
            ],
        ),
        ('the other half', [('LN(x)', 'data'), ('depthwise\nconv 3×3', 'local')]),
        (
            'attention mixer',
            [
                ('LN(x)', 'data'),
                ('q; k, v', 'attention'),
                ('softmax over\nall tokens', 'attention'),
                ('Linear', 'shared'),
            ],
        ),
    ],
    'hamsa': [
        ('gate', [('LN(x)', 'data'), ('Linear, SiLU: u', 'shared')]),
        (
            'SASS',
            [
                ('Linear, SiLU: v', 'shared'),
                ('FFT over\nH·W tokens', 'spectral'),
                ('SpectralPulseNet\n× σ(|V| W + b)', 'spectral'),
                ('× FFT of the\nkernel K', 'spectral'),
                ('SAGU\n(Y W₁) σ(|Y| W₂)', 'spectral'),
                ('Re IFFT', 'spectral'),
            ],
        ),
        ('out', [('u × SASS(v)', 'data'), ('Linear', 'shared')]),
    ],
}

MIXER_NAMES = {
    'SpectralMixer': ('spectral ∥ conv', 'spectral'),
    'Attention': ('self-attention', 'attention'),
    'HSS': ('HSS', 'spectral'),
}


def pyramid(backbone: torch.nn.Module) -> tuple[Boxes, list[str]]:
    """Boxes of the stages and the size of each map, from a forward pass."""
    with torch.no_grad():
        maps = backbone.eval()(torch.zeros(1, 3, SIDE, SIDE))
    boxes: Boxes = []
    for number, stage in enumerate(backbone.stages, start=1):
        name, kind = MIXER_NAMES[type(stage.blocks[0].mixer).__name__]
        entry = 'stem: 4 convs, /4' if number == 1 else 'conv 3×3, /2'
        boxes.append((f'stage {number}\n{entry}\n{len(stage.blocks)} blocks\n{name}', kind))
    sizes = [f'{m.shape[1]} × {m.shape[2]} × {m.shape[3]}' for m in maps]
    return boxes, sizes


def chain(axes: Axes, boxes: Boxes, y: float, left: float, width: float, height: float) -> None:
    """Boxes of one line with arrows between them."""
    step = width * 1.17
    for index, (text, kind) in enumerate(boxes):
        x = left + index * step
        axes.text(
            x + width / 2,
            y,
            text,
            ha='center',
            va='center',
            fontsize=8.5,
            linespacing=1.35,
        )
        axes.add_patch(_box(x, y - height / 2, width, height, COLOURS[kind]))
        if index:
            _arrow(axes, (x - width * 0.16, y), (x - width * 0.01, y))


def _box(x: float, y: float, width: float, height: float, colour: str) -> FancyBboxPatch:
    style = 'round,pad=0,rounding_size=0.06'
    return FancyBboxPatch((x, y), width, height, boxstyle=style, fc=colour, ec='#555555', lw=0.8)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate('', end, start, arrowprops={'arrowstyle': '-|>', 'color': '#555555', 'lw': 0.9})


def draw(family: str, backbone: torch.nn.Module, title: str) -> Figure:
    """The whole diagram of one family."""
    branches = MIXERS[family]
    figure = Figure(figsize=(10.5, 3.9 + 0.75 * len(branches)), layout='constrained')
    axes = figure.add_subplot()
    top = 1.0 * len(branches) + 3.2
    axes.set(xlim=(0, 12), ylim=(0.75, top + 0.9), xticks=[], yticks=[], title=title)
    axes.set_axis_off()
    stages, sizes = pyramid(backbone)
    picture: Boxes = [(f'picture\n3 × {SIDE} × {SIDE}\n(any size)', 'data')]
    chain(axes, picture + stages, y=top - 0.05, left=0.3, width=1.95, height=1.4)
    for index, size in enumerate(sizes, start=1):
        x = 0.3 + index * 1.95 * 1.17 + 1.95 / 2
        _arrow(axes, (x, top - 0.78), (x, top - 1.22))
        axes.text(x, top - 1.42, f'map {index - 1}: {size}', ha='center', fontsize=8.5)
    axes.text(
        0.3,
        top - 2.05,
        'block:  x ← x + DropPath(mixer(LN(x))),   x ← x + DropPath(FFN(LN(x))),   '
        'FFN = Linear, depthwise conv 3×3, GELU, Linear',
        fontsize=9,
    )
    for index, (name, boxes) in enumerate(branches):
        y = top - 2.85 - index * 1.0
        axes.text(0.3, y, name, va='center', fontsize=8.5, style='italic')
        chain(axes, boxes, y, left=2.3, width=1.4, height=0.72)
    return figure


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    for family, backbone in {'heracles': Heracles('s'), 'hamsa': Hamsa('s')}.items():
        name = {'heracles': 'Heracles-S', 'hamsa': 'HAMSA-S'}[family]
        path = IMAGES / f'{family}_diagram.png'
        draw(family, backbone, f'{name} at {SIDE} px').savefig(path, dpi=110)
        print(path)


if __name__ == '__main__':
    main()
