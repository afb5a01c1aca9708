"""The two kinds of things that are measured, and what is usual for each."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from heracles_mm.benchmark import steps
from heracles_mm.benchmark.cell import MEMORY
from heracles_mm.benchmark.models import Candidate, candidate
from heracles_mm.benchmark.operators import FILTERS, filter_candidate
from heracles_mm.benchmark.sizes import Size, map_size, picture_size
from heracles_mm.benchmark.steps import Step


class Kind(NamedTuple):
    """What a kind of candidate can do, and the defaults of the command line.

    Args:
        steps: what can be measured -> how one call of it is made.
        what: what is measured by default.
        models: measured by default.
        baselines: what ratios are taken to by default, as far as it is measured.
        sizes: measured by default.
        find: from a name to a candidate.
        read_size: from a text to a size.
    """

    steps: Mapping[str, Step]
    what: str
    models: tuple[str, ...]
    baselines: tuple[str, ...]
    sizes: tuple[str, ...]
    find: Callable[[str], Candidate]
    read_size: Callable[[str], Size]


BACKBONES = Kind(
    steps={
        'forward': steps.forward,
        'training': steps.training,
        MEMORY: steps.forward_backward,
    },
    what='forward',
    models=(
        *('heracles_s', 'heracles_s_a2', 'hamsa_s', 'hamsa_s_real'),
        *('swin_t', 'convnext_t', 'deit_s', 'pvt_v2_b2'),
    ),
    baselines=('swin_t',),
    sizes=('1x224', '8x224', '1x512', '1x800x1280', '1x1024'),
    find=candidate,
    read_size=picture_size,
)

OPERATORS = Kind(
    steps={
        'forward': steps.forward,
        'forward+backward': steps.filter_forward_backward,
        MEMORY: steps.filter_forward_backward,
    },
    what='forward+backward',
    models=tuple(FILTERS),
    baselines=('rfft2', 'torch_dct'),
    sizes=(  # what Heracles-S filters in stages 1 and 2 at 8x224, 1x512 and 1x800x1280
        *('8x32x56x56', '8x64x28x28'),
        *('1x32x128x128', '1x64x64x64'),
        *('1x32x200x320', '1x64x100x160'),
    ),
    find=filter_candidate,
    read_size=map_size,
)
