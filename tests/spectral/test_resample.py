"""The one rule that moves a filter to another grid: what it promises to preserve."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from heracles_mm.spectral import resample_filter, reverse_frequencies

sides = st.integers(1, 40)
grids = st.tuples(sides, sides)
both = pytest.mark.parametrize('periodic', [False, True])


@both
@settings(max_examples=60)
@given(old=grids, new=grids)
def test_constants_the_zero_frequency_and_the_range_survive(periodic, old, new):
    """Each row of the interpolation is a convex combination, and its first reads bin 0 alone."""
    weight = torch.randn(2, *old, dtype=torch.float64)
    moved = resample_filter(weight, new, periodic)
    assert moved.shape == (2, *new)
    torch.testing.assert_close(moved[:, 0, 0], weight[:, 0, 0])
    assert moved.min() >= weight.min() - 1e-12
    assert moved.max() <= weight.max() + 1e-12
    constant = torch.full((2, *old), 3.5, dtype=torch.float64)
    torch.testing.assert_close(
        resample_filter(constant, new, periodic), torch.full((2, *new), 3.5, dtype=torch.float64)
    )


@both
def test_the_same_grid_is_the_identity(periodic):
    weight = torch.randn(2, 7, 9)
    assert resample_filter(weight, (7, 9), periodic) is weight


@both
def test_whole_multiples_keep_every_old_bin(periodic):
    """Bin k of n and bin 3 k of 3 n are the same frequency per pixel."""
    weight = torch.randn(2, 6, 8, dtype=torch.float64)
    moved = resample_filter(weight, (18, 24), periodic)
    torch.testing.assert_close(moved[:, ::3, ::3], weight)
    torch.testing.assert_close(resample_filter(moved, (6, 8), periodic), weight)


def test_a_response_linear_in_frequency_is_read_at_the_same_frequency_per_pixel():
    """f(k) = k / n on the old grid must be k / m on the new one, up to the last old bin."""
    old, new = 16, 24
    ramp = (torch.arange(old, dtype=torch.float64) / old).expand(1, 1, old)
    moved = resample_filter(ramp, (1, new), periodic=False)[0, 0]
    expected = (torch.arange(new, dtype=torch.float64) / new).clamp(max=(old - 1) / old)
    torch.testing.assert_close(moved, expected)


@settings(max_examples=60)
@given(old=grids, new=grids)
def test_a_periodic_filter_keeps_its_symmetry(old, new):
    """Reading a circle at f and -f treats both alike: even stays even, so a symmetric kernel stays
    symmetric."""
    weight = torch.randn(2, *old, dtype=torch.float64)
    even = weight + reverse_frequencies(weight)
    moved = resample_filter(even, new, periodic=True)
    torch.testing.assert_close(reverse_frequencies(moved), moved)


@both
def test_differentiable_and_outside_autocast(periodic):
    weight = torch.randn(1, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w: resample_filter(w, (6, 3), periodic), weight)
    single = torch.randn(1, 4, 5)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        moved = resample_filter(single, (6, 3), periodic)
    assert torch.equal(moved, resample_filter(single, (6, 3), periodic))
