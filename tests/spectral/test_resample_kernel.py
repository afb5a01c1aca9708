"""The rule that moves a kernel to another map: what it promises to preserve."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from heracles_mm.spectral import SASS, resample_kernel

sides = st.integers(1, 12)
grids = st.tuples(sides, sides)
AXES = pytest.mark.parametrize('fft_axes', ['tokens', 'grid'])


def impulse(offset, grid, fft_axes):
    """The kernel of a shift by ``offset`` = (dy, dx) on ``grid``, written out from its meaning."""
    kernel = torch.zeros(grid, dtype=torch.float64)
    if fft_axes == 'tokens':
        kernel.view(-1)[(offset[0] * grid[1] + offset[1]) % kernel.numel()] = 1
    else:
        kernel[offset[0] % grid[0], offset[1] % grid[1]] = 1
    return kernel


def within(offset, grid):
    return all(-(n // 2) <= d <= (n - 1) // 2 for d, n in zip(offset, grid))


@AXES
def test_the_same_grid_is_the_identity(fft_axes):
    weight = torch.randn(2, 3, 7, 8)
    assert resample_kernel(weight, (7, 8), fft_axes) is weight


@AXES
@settings(max_examples=200)
@given(old=grids, new=grids, data=st.data())
def test_a_shift_stays_that_shift(fft_axes, old, new, data):
    """By any offset that both maps have, the origin (no shift) among them; the others are lost."""
    offset = tuple(data.draw(st.integers(-(n // 2), (n - 1) // 2)) for n in old)
    moved = resample_kernel(impulse(offset, old, fft_axes), new, fft_axes)
    kept = within(offset, new)
    expected = impulse(offset, new, fft_axes) if kept else torch.zeros(new, dtype=torch.float64)
    assert torch.equal(moved, expected)


@AXES
@settings(max_examples=50)
@given(old=grids, new=grids, data=st.data())
def test_the_mixing_itself_keeps_the_shift(fft_axes, old, new, data):
    """The same module at another size moves the map by the same (dy, dx): around the map's end in
    'grid', along the rows' sequence in 'tokens'."""
    offset = tuple(data.draw(st.integers(-(n // 2), (n - 1) // 2)) for n in old)
    assume(within(offset, new))
    module = SASS(1, old, fft_axes).double()
    for parameter in module.parameters():
        torch.nn.init.zeros_(parameter)
    module.sagu.w1.data[0] = 4  # gates of 1/2 each
    module.kernel.weight.data[0, 0] = impulse(offset, old, fft_axes)
    for grid in (old, new):
        x = torch.randn(2, *grid, 1, dtype=torch.float64)
        if fft_axes == 'tokens':
            expected = x.flatten(1, 2).roll(offset[0] * grid[1] + offset[1], 1).unflatten(1, grid)
        else:
            expected = x.roll(offset, (1, 2))
        torch.testing.assert_close(module(x), expected)


def test_in_the_interior_both_readings_of_a_shift_agree():
    """Away from the map's edge dy W + dx tokens are dy rows and dx columns."""
    x = torch.randn(1, 9, 8, 1, dtype=torch.float64)
    results = []
    for fft_axes in ('tokens', 'grid'):
        module = SASS(1, (5, 6), fft_axes).double()
        for parameter in module.parameters():
            torch.nn.init.zeros_(parameter)
        module.sagu.w1.data[0] = 4
        module.kernel.weight.data[0, 0] = impulse((-1, 2), (5, 6), fft_axes)
        results.append(module(x)[:, :-1, 2:])
    torch.testing.assert_close(*results)


@AXES
@settings(max_examples=60)
@given(old=grids, more=st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_a_larger_map_loses_nothing(fft_axes, old, more):
    new = (old[0] + more[0], old[1] + more[1])
    weight = torch.randn(2, *old, dtype=torch.float64)
    moved = resample_kernel(weight, new, fft_axes)
    assert moved.shape == (2, *new)
    torch.testing.assert_close(moved.square().sum(), weight.square().sum())
    assert torch.equal(resample_kernel(moved, old, fft_axes), weight)


@AXES
@settings(max_examples=60)
@given(old=grids, new=grids)
def test_a_smaller_map_keeps_as_many_offsets_as_it_has(fft_axes, old, new):
    """Every offset that both maps have is kept, once."""
    moved = resample_kernel(torch.ones(old), new, fft_axes)
    assert moved.sum() == min(old[0], new[0]) * min(old[1], new[1])
    assert set(moved.unique().tolist()) <= {0.0, 1.0}


@AXES
@pytest.mark.parametrize('new', [(6, 3), (2, 9), (1, 1)], ids=str)
def test_differentiable_and_linear(fft_axes, new):
    weight = torch.randn(1, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w: resample_kernel(w, new, fft_axes), weight)
    other = torch.randn(1, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(
        resample_kernel(2 * weight + other, new, fft_axes),
        2 * resample_kernel(weight, new, fft_axes) + resample_kernel(other, new, fft_axes),
    )
