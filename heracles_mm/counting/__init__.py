"""Arithmetic of a model, counted by module and by kind of operator.

The unit is the multiply-add, which the papers' tables call a FLOP.

Counted: convolutions, matrix products, fused attention, and FFTs. A complex FFT of n points is
taken as 5 n log2 n operations and one of real numbers as half of that, the convention of FFTW's
benchmark (Frigo and Johnson, "The Design and Implementation of FFTW3", 2005), and two operations as
one multiply-add. Left out: everything elementwise (norms, activations, gates, the product of a
spectrum with its filter), pooling, interpolation, RoIAlign, and post-processing.
"""

from heracles_mm.counting.forward import PROPOSALS_MASKED, WorkOf, proposals_of, work_of
from heracles_mm.counting.kinds import KINDS, Kind
from heracles_mm.counting.modules import module_parts, parameters_by_part, part_of
from heracles_mm.counting.published import Published, published_figures
from heracles_mm.counting.work import Work, counting

__all__ = [
    'KINDS',
    'PROPOSALS_MASKED',
    'Kind',
    'Published',
    'Work',
    'WorkOf',
    'counting',
    'module_parts',
    'parameters_by_part',
    'part_of',
    'proposals_of',
    'published_figures',
    'work_of',
]
