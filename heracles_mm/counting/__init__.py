"""Multiply-adds of a model, which the papers' tables call FLOPs, by module and kind of operator.

Counted: convolutions, matrix products, fused attention, and FFTs. A complex FFT of n points is
taken as 5 n log2 n operations and one of real numbers as half of that, the convention of FFTW's
benchmark (Frigo and Johnson, "The Design and Implementation of FFTW3", 2005), and two operations as
one multiply-add. Left out: everything elementwise (norms, activations, gates, the product of a
spectrum with its filter), pooling, interpolation, RoIAlign, and post-processing.
"""

from heracles_mm.counting.modules import module_parts, parameters_by_part, part_of
from heracles_mm.counting.operators import KINDS
from heracles_mm.counting.published import Published, published_figures
from heracles_mm.counting.work import PROPOSALS_MASKED, Work, WorkOf, count, proposals_of, work_of

__all__ = [
    'KINDS',
    'PROPOSALS_MASKED',
    'Published',
    'Work',
    'WorkOf',
    'count',
    'module_parts',
    'parameters_by_part',
    'part_of',
    'proposals_of',
    'published_figures',
    'work_of',
]
