"""Our operators give what compiled ones give: what they keep and in which order, values, gradients.

Through `mmcv.ops`, as models call them. Float32 differences are held to 1e-6 of the largest value,
or to the compiled operator's own distance from its float64 result where that is larger; float64 to
1e-12.
"""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv_operators import operators

import heracles_mm.mmcv_ops.extension as ours

ops = pytest.importorskip('mmcv.ops')

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=25)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def boxes_and_scores(seed, count, rounded):
    """Boxes that overlap, and scores with many equals; whole numbers make equal overlaps too."""
    rng = generator(seed)
    start = torch.rand(count, 2, generator=rng) * 20
    boxes = torch.cat([start, start + torch.rand(count, 2, generator=rng) * 20], 1)
    scores = (torch.rand(count, generator=rng) * 8).round() / 8
    return (boxes.round() if rounded else boxes), scores


def both(compiled, function):
    results = []
    for extension in (compiled, ours):
        with operators(extension):
            results.append(function())
    return results


def with_gradients(extension, function, tensors, dtype, seed):
    """The output and the gradients of a weighted sum of it."""
    leaves = [each.detach().to(dtype).requires_grad_() for each in tensors]
    with operators(extension):
        output = function(*leaves)
        weights = torch.randn(output.shape, generator=generator(seed), dtype=torch.float64)
        output.backward(weights.to(dtype))
    return [output.detach(), *(leaf.grad for leaf in leaves)]


def assert_same(compiled, function, tensors, seed=0):
    exact = with_gradients(compiled, function, tensors, torch.float64, seed)
    for theirs, own in zip(exact, with_gradients(ours, function, tensors, torch.float64, seed)):
        torch.testing.assert_close(own, theirs, rtol=0, atol=1e-12 * scale_of(theirs))
    theirs = with_gradients(compiled, function, tensors, torch.float32, seed)
    own = with_gradients(ours, function, tensors, torch.float32, seed)
    for reference, expected, value in zip(exact, theirs, own):
        rounding = float((expected - reference).abs().max()) if expected.numel() else 0
        tolerance = max(1e-6 * scale_of(reference), rounding)
        torch.testing.assert_close(value, expected, rtol=0, atol=tolerance)


def scale_of(tensor):
    return max(1.0, float(tensor.abs().max())) if tensor.numel() else 1.0


# ---- boxes


@few
@given(
    seed=seeds,
    count=st.integers(0, 60),
    rounded=st.booleans(),
    threshold=st.sampled_from([0, 0.1, 0.3, 1 / 3, 0.5, 0.7, 1]),
    offset=st.sampled_from([0, 1]),
    score_threshold=st.sampled_from([0, 0.3]),
    max_num=st.sampled_from([-1, 5]),
)
def test_nms_keeps_the_same_boxes_in_the_same_order(
    compiled, seed, count, rounded, threshold, offset, score_threshold, max_num
):
    boxes, scores = boxes_and_scores(seed, count, rounded)
    options = threshold, offset, score_threshold, max_num
    (theirs, expected), (dets, kept) = both(compiled, lambda: ops.nms(boxes, scores, *options))
    assert torch.equal(kept, expected)
    assert torch.equal(dets, theirs)


@few
@given(
    seed=seeds,
    count=st.integers(0, 60),
    rounded=st.booleans(),
    threshold=st.sampled_from([0.1, 0.3, 1 / 3, 0.5]),
    method=st.sampled_from(['naive', 'linear', 'gaussian']),
    offset=st.sampled_from([0, 1]),
    min_score=st.sampled_from([0, 1e-3, 0.2]),
    sigma=st.sampled_from([0.5, 0.1]),
)
def test_soft_nms_lowers_the_same_scores_and_keeps_their_order(
    compiled, seed, count, rounded, threshold, method, offset, min_score, sigma
):
    boxes, scores = boxes_and_scores(seed, count, rounded)
    options = threshold, sigma, min_score, method, offset
    (theirs, expected), (dets, kept) = both(compiled, lambda: ops.soft_nms(boxes, scores, *options))
    assert torch.equal(kept, expected)
    torch.testing.assert_close(dets, theirs, rtol=1e-6, atol=0, equal_nan=True)


@few
@given(
    seed=seeds,
    count=st.integers(1, 60),
    rounded=st.booleans(),
    threshold=st.sampled_from([0.1, 1 / 3, 0.5]),
)
def test_nms_match_names_the_same_groups(compiled, seed, count, rounded, threshold):
    boxes, scores = boxes_and_scores(seed, count, rounded)
    dets = torch.cat([boxes, scores[:, None]], 1)
    theirs, own = both(compiled, lambda: ops.nms_match(dets, threshold))
    assert [group.tolist() for group in own] == [group.tolist() for group in theirs]


@few
@given(seed=seeds, count=st.integers(1, 60), split=st.sampled_from([10000, 20]))
def test_batched_nms_keeps_the_same_boxes_of_each_class(compiled, seed, count, split):
    boxes, scores = boxes_and_scores(seed, count, rounded=False)
    labels = torch.randint(3, (count,), generator=generator(seed))
    for kind in ('nms', 'soft_nms'):
        options = dict(type=kind, iou_threshold=0.4, split_thr=split)
        theirs, own = both(compiled, partial(ops.batched_nms, boxes, scores, labels, options))
        assert torch.equal(own[1], theirs[1])
        torch.testing.assert_close(own[0], theirs[0], rtol=1e-6, atol=0)


# ---- regions


def regions(seed, count, batch, side):
    """Some reach over the edge, some have no size."""
    rng = generator(seed)
    start = torch.rand(count, 2, generator=rng) * side * 1.2 - side * 0.1
    size = torch.rand(count, 2, generator=rng) * side * (torch.rand(count, 1, generator=rng) > 0.2)
    index = torch.randint(batch, (count, 1), generator=rng)
    return torch.cat([index, start, start + size], 1)


@few
@given(
    seed=seeds,
    count=st.integers(0, 6),
    batch=st.integers(1, 2),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    output=st.sampled_from([1, (2, 3), 7]),
    spatial_scale=st.sampled_from([1.0, 0.25, 0.1]),
    sampling_ratio=st.sampled_from([0, 2]),
    mode=st.sampled_from(['avg', 'max']),
    aligned=st.booleans(),
)
def test_roi_align_and_its_gradient(
    compiled, seed, count, batch, shape, output, spatial_scale, sampling_ratio, mode, aligned
):
    maps = torch.randn(batch, 3, *shape, generator=generator(seed))
    boxes = regions(seed, count, batch, max(shape) / spatial_scale)

    def pooled(x):
        return ops.roi_align(x, boxes.to(x), output, spatial_scale, sampling_ratio, mode, aligned)

    assert_same(compiled, pooled, [maps], seed)


def test_the_maximum_of_equal_samples_sends_its_gradient_to_the_first(compiled):
    """A map after ReLU has areas of zeros, where any sample is the largest."""
    boxes = torch.tensor([[0.0, 0, 0, 6, 6], [0, 1, 1, 7, 5]])

    def pooled(x):
        return ops.roi_align(x.relu(), boxes.to(x), 2, 1.0, 2, 'max', True)

    assert_same(compiled, pooled, [-torch.ones(1, 2, 8, 8)])


# ---- convolutions and masks


@few
@given(
    seed=seeds,
    batch=st.integers(1, 3),
    shape=st.tuples(st.integers(5, 9), st.integers(5, 9)),
    kernel=st.sampled_from([1, 3, (3, 2)]),
    stride=st.integers(1, 2),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
    groups=st.sampled_from([1, 2]),
    deform_groups=st.sampled_from([1, 2]),
    modulated=st.booleans(),
    bias=st.booleans(),
    whole=st.booleans(),
)
def test_deformable_convolutions_and_their_gradients(
    compiled,
    seed,
    batch,
    shape,
    kernel,
    stride,
    padding,
    dilation,
    groups,
    deform_groups,
    modulated,
    bias,
    whole,
):
    rng = generator(seed)
    kernel = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    weight = torch.randn(4, 4 // groups, *kernel, generator=rng)
    x = torch.randn(batch, 4, *shape, generator=rng)
    out = torch.nn.functional.conv2d(x, weight, None, stride, padding, dilation, groups)
    taps = deform_groups * kernel[0] * kernel[1]
    offset = 2 * torch.randn(batch, 2 * taps, *out.shape[2:], generator=rng)
    if whole:  # as in a new layer: between two pixels' slopes one is chosen
        offset = offset.round()
    geometry = stride, padding, dilation, groups, deform_groups
    if not modulated:
        assert_same(
            compiled,
            lambda x, offset, weight: ops.deform_conv2d(x, offset, weight, *geometry),
            [x, offset, weight],
            seed,
        )
        return
    mask = torch.rand(batch, taps, *out.shape[2:], generator=rng)
    tensors = [x, offset, mask, weight, *([torch.randn(4, generator=rng)] if bias else [])]

    def convolved(x, offset, mask, weight, bias=None):
        return ops.modulated_deform_conv2d(x, offset, mask, weight, bias, *geometry)

    assert_same(compiled, convolved, tensors, seed)


def test_offsets_of_a_larger_map_are_read_as_mmcv_reads_them(compiled):
    """DyHead computes them on a map of twice the size; mmcv reads the first of them, unasked."""
    rng = generator(3)
    shapes = (2, 4, 8, 8), (2, 18, 8, 8), (2, 9, 8, 8), (4, 4, 3, 3)
    tensors = [torch.randn(shape, generator=rng) for shape in shapes]
    assert_same(compiled, lambda *all: ops.modulated_deform_conv2d(*all, None, 2, 1), tensors)


@pytest.mark.parametrize('frozen', [{'weight'}, {'x', 'offset'}, {'x'}])
def test_a_deformable_convolution_gives_only_the_gradients_that_are_asked_for(compiled, frozen):
    """mmcv asks for the inputs' and the weight's gradient in two calls, or in one of them."""
    values = {
        name: torch.randn(shape, generator=generator(1))
        for name, shape in (
            ('x', (2, 4, 6, 6)),
            ('offset', (2, 18, 4, 4)),
            ('weight', (4, 4, 3, 3)),
        )
    }

    def gradients():
        leaves = {n: each.clone().requires_grad_(n not in frozen) for n, each in values.items()}
        output = ops.deform_conv2d(*leaves.values(), 1, 0)
        for factor in (1, 2):  # a second pass must not find the first one's gradient
            output.backward(torch.full_like(output, factor), retain_graph=True)
        return {name: leaf.grad for name, leaf in leaves.items()}

    theirs, own = both(compiled, gradients)
    for name in values:
        assert (own[name] is None) == (name in frozen)
        if name not in frozen:
            torch.testing.assert_close(own[name], theirs[name], rtol=1e-5, atol=1e-4)


@few
@given(
    seed=seeds,
    kind=st.sampled_from(['collect', 'distribute']),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    mask=st.tuples(st.integers(1, 7), st.integers(1, 7)),
)
def test_psa_mask_and_its_gradient(compiled, seed, kind, shape, mask):
    x = torch.randn(2, mask[0] * mask[1], *shape, generator=generator(seed))
    assert_same(compiled, ops.PSAMask(kind, mask), [x], seed)


# ---- the module


def test_every_name_of_the_compiled_module_exists(compiled):
    names = [name for name in dir(compiled) if not name.startswith('_')]
    assert len(names) == 112
    assert all(callable(getattr(ours, name)) for name in names)
    assert set(ours.__all__) <= set(names)
