"""The two kinds of things that are measured, what is usual for each, and how sizes are written."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from heracles_mm.benchmark import workloads
from heracles_mm.benchmark.candidates import PEERS, Candidate, candidate
from heracles_mm.benchmark.filter_candidates import FILTERS, filter_candidate
from heracles_mm.benchmark.workloads import MEMORY, Workload
from heracles_mm.errors import UserError

PICTURE_CHANNELS = 3


@dataclass(frozen=True)
class Size:
    """A named input shape (B, C, H, W)."""

    name: str
    shape: tuple[int, int, int, int]

    @property
    def series(self) -> str:
        """What sizes that differ in height and width alone have in common."""
        batch, channels, *_ = self.shape
        return f'batch {batch}' + (f', {channels} channels' if channels != PICTURE_CHANNELS else '')

    @property
    def pixels(self) -> int:
        """Positions of the whole batch, B H W."""
        return self.shape[0] * self.shape[2] * self.shape[3]


def picture_size(text: str) -> Size:
    """``BxS`` or ``BxHxW`` to pictures (B, 3, H, W); a UserError for all else and below 32 px."""
    batch, *sides = _numbers(text, 'BxS or BxHxW, such as 8x224 or 1x800x1280', (2, 3))
    if min(sides) < 32:
        raise UserError(f'the size {text} is too small: a side has at least 32 px')
    return Size(text, (batch, PICTURE_CHANNELS, sides[0], sides[-1]))


def map_size(text: str) -> Size:
    """``BxCxHxW`` to maps (B, C, H, W); a UserError for all else."""
    batch, channels, height, width = _numbers(text, 'BxCxHxW, such as 8x32x56x56', (4,))
    return Size(text, (batch, channels, height, width))


def _numbers(text: str, form: str, counts: tuple[int, ...]) -> list[int]:
    if re.fullmatch(r'[1-9]\d*(x[1-9]\d*)*', text) and text.count('x') + 1 in counts:
        return [int(number) for number in text.split('x')]
    raise UserError(f'a size is written {form}, not {text!r}')


class Suite(NamedTuple):
    """What can be measured of a kind of candidate, and the defaults of the command line: what is
    measured, of which models and sizes, and what ratios are taken to, as far as it is measured."""

    steps: Mapping[str, Workload]
    what: str
    models: tuple[str, ...]
    baselines: tuple[str, ...]
    sizes: tuple[str, ...]
    find: Callable[[str], Candidate]
    read_size: Callable[[str], Size]


BACKBONES = Suite(
    steps={
        'forward': workloads.forward,
        'training': workloads.training,
        MEMORY: workloads.forward_backward,
    },
    what='forward',
    models=('heracles_s', 'heracles_s_a2', 'hamsa_s', 'hamsa_s_real', *PEERS),
    baselines=('swin_t',),
    sizes=('1x224', '8x224', '1x512', '1x800x1280', '1x1024'),
    find=candidate,
    read_size=picture_size,
)

OPERATORS = Suite(
    steps={
        'forward': workloads.forward,
        'forward+backward': workloads.filter_forward_backward,
        MEMORY: workloads.filter_forward_backward,
    },
    what='forward+backward',
    models=tuple(FILTERS),
    baselines=('rfft2', 'torch_dct'),
    sizes=(  # what Heracles-S filters in stages 1 and 2 at 8x224, 1x512 and 1x800x1280
        *('8x32x56x56', '8x64x28x28', '1x32x128x128', '1x64x64x64'),
        *('1x32x200x320', '1x64x100x160'),
    ),
    find=filter_candidate,
    read_size=map_size,
)
