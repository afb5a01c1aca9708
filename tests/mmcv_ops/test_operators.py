"""What needs no compiled mmcv: formulas, gradients, dtypes, empty inputs, refusals."""

import math
import subprocess
import sys
from contextlib import contextmanager

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

import heracles_mm.mmcv_ops.extension as ours
from heracles_mm.mmcv_ops import regions, torchvision_ops

ops = pytest.importorskip('mmcv.ops')
pytestmark = pytest.mark.usefixtures('our_operators')


@pytest.fixture
def our_operators():
    """Also where a compiled mmcv is installed."""
    from mmcv_operators import operators

    with operators(ours):
        yield


@pytest.fixture(autouse=True)
def one_seed():
    torch.manual_seed(0)


BOXES = torch.tensor([[0.0, 0, 0, 9, 9], [0, 2, 1, 7, 12], [1, 3, 3, 3, 3], [1, -4, -4, 30, 30]])


# ---- formulas


def pooled(x, rois, size, scale):
    """RoIPool as the paper and mmcv's CUDA kernel have it, a bin at a time."""
    height, width = x.shape[2:]
    rows = []
    for index, x1, y1, x2, y2 in rois.tolist():
        x1, y1, x2, y2 = (value * scale for value in (x1, y1, x2 + 1, y2 + 1))
        step_y, step_x = (y2 - y1) / size, (x2 - x1) / size
        for h in range(size):
            for w in range(size):
                bin_y = range(*bounds(h * step_y + y1, (h + 1) * step_y + y1, height))
                bin_x = range(*bounds(w * step_x + x1, (w + 1) * step_x + x1, width))
                cells = [x[int(index), :, i, j] for i in bin_y for j in bin_x]
                rows.append(torch.stack(cells).amax(0) if cells else x.new_zeros(x.shape[1]))
    return torch.stack(rows).view(len(rois), size, size, -1).permute(0, 3, 1, 2)


def bounds(first, last, length):
    return [min(max(edge, 0), length) for edge in (math.floor(first), math.ceil(last))]


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    scale=st.sampled_from([1.0, 0.5]),
    size=st.integers(1, 3),
)
def test_roi_pool_takes_the_largest_value_of_each_bin(seed, shape, scale, size):
    torch.manual_seed(seed)
    x = torch.randn(2, 3, *shape, dtype=torch.float64, requires_grad=True)
    start = torch.rand(4, 2) * 10 - 2
    rois = torch.cat([torch.tensor([[0.0], [1], [1], [0]]), start, start + torch.rand(4, 2) * 8], 1)
    rois = rois.double()
    expected = pooled(x, rois, size, scale) + 0 * x.sum()
    output = ops.roi_pool(x, rois, size, scale)
    assert torch.equal(output, expected)
    weights = torch.randn_like(expected)
    (theirs,) = torch.autograd.grad((expected * weights).sum(), x)
    (own,) = torch.autograd.grad((output * weights).sum(), x)
    torch.testing.assert_close(own, theirs)


def test_the_sigmoid_focal_loss_is_torchvisions():
    from torchvision.ops import sigmoid_focal_loss

    logits = (4 * torch.randn(9, 5, dtype=torch.float64)).requires_grad_()
    target = torch.tensor([0, 1, 2, 3, 4, 5, 5, 0, 2])  # 5 is background
    one_hot = F.one_hot(target, 6)[:, :5].double()
    for gamma, alpha in ((2.0, 0.25), (0.0, 0.5), (1.5, 0.9)):
        expected = sigmoid_focal_loss(logits, one_hot, alpha, gamma)
        own = ops.sigmoid_focal_loss(logits, target, gamma, alpha, None, 'none')
        torch.testing.assert_close(own, expected)
        theirs, mine = (torch.autograd.grad(each.sum(), logits)[0] for each in (expected, own))
        torch.testing.assert_close(mine, theirs)


def test_a_focal_loss_keeps_its_digits_far_from_zero():
    """A rounded probability of 1 would make the loss of a wrong logit of 20 jump to 87."""
    logits = torch.tensor([[20.0], [200.0], [-20.0], [-200.0]], requires_grad=True)
    loss = ops.sigmoid_focal_loss(logits, torch.tensor([1, 1, 0, 0]), 2.0, 0.5, None, 'none')
    torch.testing.assert_close(loss[:, 0].detach(), torch.tensor([10.0, 100, 10, 100]))
    loss.sum().backward()
    torch.testing.assert_close(logits.grad[:, 0], torch.tensor([0.5, 0.5, -0.5, -0.5]))


def test_the_softmax_focal_loss_is_its_formula_and_ignores_negative_labels():
    logits = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
    target, gamma, alpha = torch.tensor([0, 1, 2, 3, -1, 1]), 2.0, 0.25
    weight = torch.rand(4, dtype=torch.float64)
    log = logits.log_softmax(1).gather(1, target.clamp(min=0)[:, None])[:, 0]
    expected = -alpha * (1 - log.exp()) ** gamma * log * weight[target] * (target >= 0)
    own = ops.softmax_focal_loss(logits, target, gamma, alpha, weight, 'sum')
    torch.testing.assert_close(own, expected.sum())
    theirs, mine = (torch.autograd.grad(each, logits)[0] for each in (expected.sum(), own))
    torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize('name', ['sigmoid', 'softmax'])
def test_the_class_of_a_row_weighs_it(name):
    function = getattr(ops, f'{name}_focal_loss')
    logits, target = torch.randn(5, 3), torch.tensor([0, 1, 2, 1, 0])
    weight = torch.tensor([1.0, 2.0, 0.0])
    plain = function(logits, target, 2.0, 0.25, None, 'none')
    weighed = function(logits, target, 2.0, 0.25, weight, 'none')
    factor = weight[target] if name == 'softmax' else weight[target][:, None]
    torch.testing.assert_close(weighed, plain * factor)


def test_a_masked_convolution_is_a_convolution_at_chosen_places():
    conv = ops.MaskedConv2d(3, 4, (3, 5), padding=(1, 2))
    x, mask = torch.randn(1, 3, 7, 9), torch.rand(1, 7, 9) > 0.5
    conv.eval()
    everywhere = F.conv2d(x, conv.weight, conv.bias, padding=(1, 2))
    torch.testing.assert_close(conv(x, mask), everywhere * mask)
    assert not conv(x, mask & False).any()


def reassembled(features, masks, kernel, groups, scale):
    """CARAFE (arXiv 1905.02188, equation 3), written with unfold."""
    batch, channels, height, width = features.shape
    windows = F.unfold(features, kernel, padding=kernel // 2)
    windows = windows.view(batch, channels * kernel**2, height, width)
    windows = F.interpolate(windows, scale_factor=scale, mode='nearest')
    windows = windows.view(batch, groups, channels // groups, kernel**2, *masks.shape[2:])
    kernels = masks.view(batch, groups, 1, kernel**2, *masks.shape[2:])
    return (windows * kernels).sum(3).flatten(1, 2)


@pytest.mark.parametrize(('kernel', 'groups', 'scale'), [(3, 1, 2), (5, 2, 2), (1, 2, 3)])
def test_carafe_is_its_formula_with_its_gradients(kernel, groups, scale):
    features = torch.randn(2, 4, 3, 5, dtype=torch.float64, requires_grad=True)
    shape = 2, groups * kernel**2, 3 * scale, 5 * scale
    masks = torch.rand(shape, dtype=torch.float64, requires_grad=True)
    expected = reassembled(features, masks, kernel, groups, scale)
    own = ops.carafe(features, masks, kernel, groups, scale)
    torch.testing.assert_close(own, expected)
    weights = torch.randn_like(expected)
    theirs = torch.autograd.grad((expected * weights).sum(), (features, masks))
    mine = torch.autograd.grad((own * weights).sum(), (features, masks))
    torch.testing.assert_close(mine, theirs)


def test_deformable_attention_is_the_libraries_own_function_with_its_gradients():
    """mmcv calls the operator on a GPU and a function of its own on a CPU."""
    module = sys.modules['mmcv.ops.multi_scale_deform_attn']
    shapes = torch.tensor([[4, 5], [2, 3]])
    starts = torch.tensor([0, 20])
    leaves = [
        torch.rand(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((2, 26, 2, 4), (2, 7, 2, 2, 3, 2), (2, 7, 2, 2, 3))
    ]
    value, locations, weights = leaves
    expected = module.multi_scale_deformable_attn_pytorch(value, shapes, locations, weights)
    own = module.MultiScaleDeformableAttnFunction.apply(
        value, shapes, starts, locations, weights, 64
    )
    assert torch.equal(own, expected)
    factor = torch.randn_like(expected)
    for mine, theirs in zip(
        torch.autograd.grad((own * factor).sum(), leaves),
        torch.autograd.grad((expected * factor).sum(), leaves),
    ):
        assert torch.equal(mine, theirs)


# ---- every operator, in every circumstance


def maps(batch=2, dtype=torch.float32):
    return torch.randn(batch, 4, 8, 8, dtype=dtype, requires_grad=True)


def deformed(x, modulated=False):
    # Numbers that every dtype holds; between pixels, where interpolation has a slope.
    offset = (torch.randn(2, 18, 8, 8).round() + 0.375).to(x.dtype)[: len(x)].requires_grad_()
    weight = torch.randn(4, 4, 3, 3).bfloat16().to(x.dtype).requires_grad_()
    if not modulated:
        return ops.deform_conv2d(x, offset, weight, 1, 1)
    mask = torch.rand(2, 9, 8, 8).bfloat16().to(x.dtype)[: len(x)].requires_grad_()
    return ops.modulated_deform_conv2d(x, offset, mask, weight, weight[:, 0, 0, 0], 1, 1)


OPERATORS = {
    'roi_align': lambda x, rois: ops.roi_align(x, rois, 3, 1.0, 0, 'avg', True),
    'roi_align max': lambda x, rois: ops.roi_align(x, rois, 3, 1.0, 2, 'max', True),
    'roi_pool': lambda x, rois: ops.roi_pool(x, rois, 3, 1.0),
    'deform_conv2d': lambda x, rois: deformed(x),
    'modulated_deform_conv2d': lambda x, rois: deformed(x, modulated=True),
    'carafe': lambda x, rois: ops.carafe(x, x.repeat(1, 9, 2, 2)[:, :9], 3, 1, 2),
    'psa_mask': lambda x, rois: ops.PSAMask('collect', (2, 2))(x),
    'sigmoid_focal_loss': lambda x, rois: ops.sigmoid_focal_loss(
        x[:, :, 0, 0], torch.arange(len(x)) % 4, 2.0, 0.25, None, 'none'
    ),
    'softmax_focal_loss': lambda x, rois: torch.stack(  # 'none' has no backward in mmcv
        [
            ops.softmax_focal_loss(row[None, :, 0, 0], torch.tensor([1]), 2.0, 0.25, None, 'sum')
            for row in x
        ]
    ),
}
every_operator = pytest.mark.parametrize('name', OPERATORS)


def run(name, x, rois):
    torch.manual_seed(1)
    output = OPERATORS[name](x, rois.to(x.dtype))
    (gradient,) = torch.autograd.grad(output.double().square().sum(), x)
    return output, gradient


@every_operator
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_sixteen_bits_come_back_as_they_went_in(name, dtype):
    """And are as near to float32 as their digits allow, since they are computed in float32."""
    x = maps().detach().to(dtype).requires_grad_()
    wide = x.detach().float().requires_grad_()
    output, gradient = run(name, x, BOXES)
    assert output.dtype == gradient.dtype == dtype
    expected, slope = run(name, wide, BOXES)
    for own, reference in ((output, expected), (gradient, slope)):
        tolerance = 16 * torch.finfo(dtype).eps * reference.abs().max()
        assert (own.float() - reference).abs().max() <= tolerance


@every_operator
def test_autocast_takes_what_its_layers_give(name):
    """Under autocast a convolution's output has 16 bits while weights and boxes have 32."""
    conv = torch.nn.Conv2d(4, 4, 1)
    with torch.autocast('cpu', torch.bfloat16):
        x = conv(maps())
        assert x.dtype == torch.bfloat16
        output = OPERATORS[name](x, BOXES.to(x.dtype))
        output.float().square().sum().backward()
    assert torch.isfinite(output).all()
    assert conv.weight.grad.dtype == torch.float32
    assert conv.weight.grad.any()


@every_operator
def test_double_precision_has_the_gradient_of_its_own_values(name):
    x = maps(dtype=torch.float64)

    def function(x):
        torch.manual_seed(1)
        return OPERATORS[name](x, BOXES.double() + 0.1)

    assert torch.autograd.gradcheck(function, x, fast_mode=True)


@every_operator
def test_a_batch_of_one_is_a_row_of_a_larger_one(name):
    x = maps()
    output, gradient = run(name, x, BOXES)
    own, slope = run(name, x[:1].detach().requires_grad_(), BOXES[:2])  # those of the first picture
    torch.testing.assert_close(own, output[: len(own)])
    torch.testing.assert_close(slope, gradient[:1])


@pytest.mark.parametrize('name', [name for name in OPERATORS if 'roi' in name])
def test_no_region_gives_an_empty_output_and_no_gradient(name):
    output, gradient = run(name, maps(), BOXES[:0])
    assert output.shape == (0, 4, 3, 3)
    assert not gradient.any()


def test_no_box_is_kept_of_none():
    boxes, scores, labels = torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.long)
    assert ops.nms(boxes, scores, 0.5)[0].shape == (0, 5)
    assert ops.nms(boxes, scores, 0.5, offset=1)[0].shape == (0, 5)
    assert ops.soft_nms(boxes, scores)[0].shape == (0, 5)
    assert ops.nms_match(torch.zeros(0, 5), 0.5) == []
    assert ours.nms_match(torch.zeros(0, 5), 0.5) == []
    loss = ops.sigmoid_focal_loss(torch.zeros(0, 3), labels, 2.0, 0.25, None, 'sum')
    assert loss == 0


def test_no_picture_passes_a_deformable_convolution():
    x, offset = torch.zeros(0, 4, 8, 8), torch.zeros(0, 18, 8, 8)
    weight = torch.randn(4, 4, 3, 3)
    options = dict(
        kW=3, kH=3, dW=1, dH=1, padW=1, padH=1, dilationW=1, dilationH=1, group=1,
        deformable_group=1, im2col_step=1,
    )  # fmt: skip
    output = torch.zeros(0, 4, 8, 8)
    ours.deform_conv_forward(x, weight, offset, output, x, x, **options)
    assert output.shape == (0, 4, 8, 8)


@pytest.mark.parametrize('dtype', [torch.float64, torch.float16, torch.bfloat16])
def test_boxes_of_any_precision_are_suppressed(dtype):
    boxes = torch.tensor([[0, 0, 8, 8], [0, 0, 8, 7], [20, 20, 28, 28]], dtype=dtype)
    scores = torch.tensor([0.25, 0.5, 0.125], dtype=dtype)
    for offset in (0, 1):
        dets, kept = ops.nms(boxes, scores, 0.5, offset=offset)
        assert kept.tolist() == [1, 2]
        assert dets.dtype == dtype
    dets, kept = ops.soft_nms(boxes, scores, 0.5)
    assert kept.tolist() == [1, 2, 0]
    assert dets.dtype == dtype
    groups = ops.nms_match(torch.cat([boxes, scores[:, None]], 1), 0.5)
    assert [group.tolist() for group in groups] == [[1, 0], [2]]


def test_boxes_and_scores_may_differ_in_precision():
    """Under autocast scores have 16 bits and boxes 32."""
    boxes, scores = BOXES[:, 1:], torch.tensor([0.1, 0.4, 0.3, 0.2])
    kept = ops.nms(boxes, scores, 0.5)[1]
    assert torch.equal(ours.nms(boxes, scores.half(), 0.5, 0), kept)


@contextmanager
def deterministic():
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@every_operator
def test_deterministic_algorithms_change_nothing(name):
    x = maps()
    expected = run(name, x, BOXES)
    with deterministic():
        assert all(map(torch.equal, run(name, x, BOXES), expected))


def test_the_deterministic_gradient_of_a_gpu_is_the_operators(monkeypatch):
    """On a GPU torchvision's operator has none, so its function of plain torch takes over; here
    that function runs on the CPU."""
    x = maps(dtype=torch.float64)
    output, expected = run('roi_align', x, BOXES)
    slope = 2 * output.detach()
    own = regions._ordered_gradient(slope, BOXES.double(), 1.0, x.shape, 0, True)
    torch.testing.assert_close(own, expected)


def test_what_a_psa_mask_leaves_out_is_zero_whatever_it_is():
    x = torch.full((1, 25, 2, 2), float('inf'), requires_grad=True)
    output = ops.PSAMask('collect', (1, 1))(x[:, :1])
    assert sorted(output.flatten().tolist()) == [0.0] * 12 + [float('inf')] * 4
    (gradient,) = torch.autograd.grad(output, x, torch.full_like(output, float('inf')))
    assert not gradient.isnan().any()


@pytest.mark.parametrize('mode', ['avg', 'max', 'pool'])
@pytest.mark.parametrize(
    'region',
    [[0, float('nan'), 1, 9, 9], [0, 1, 1, float('inf'), 9], [2, 1, 1, 5, 5], [-1, 1, 1, 5, 5]],
)
def test_a_region_that_is_none_is_named(region, mode):
    """The operators would read beyond their memory, which ends the process without a word."""
    rois = torch.cat([BOXES, torch.tensor([region])])
    with pytest.raises(RuntimeError, match=r'region 4 is \[.*below 2 and finite') as caught:
        if mode == 'pool':
            ops.roi_pool(maps(), rois, 3, 1.0)
        else:
            ops.roi_align(maps(), rois, 3, 1.0, 2, mode, True)
    assert '\n' not in str(caught.value)


def test_an_inverted_box_is_refused_where_compiled_operators_do():
    rois = torch.tensor([[0.0, 9, 9, 1, 1]])
    with pytest.raises(RuntimeError, match='with x1 <= x2'):
        ops.roi_align(maps(), rois, 3, 1.0, 2, 'avg', True)
    assert ops.roi_align(maps(), rois, 3, 1.0, 2, 'avg', False).shape == (1, 4, 3, 3)


def test_a_dtype_that_is_none_of_an_operator_is_told_by_torch(monkeypatch):
    """torch raises the same class for it as for a device that is not there."""

    def nms(*_):
        raise NotImplementedError('"nms_kernel" not implemented for \'Long\'')

    monkeypatch.setattr(torch.ops.torchvision, 'nms', nms)
    with pytest.raises(NotImplementedError, match=r'^"nms_kernel" not implemented'):
        torchvision_ops.call('nms', BOXES[:, 1:].long(), BOXES[:, 0], 0.5)


# ---- what is not there


def test_a_missing_operator_says_who_needs_it_and_how_to_get_it():
    with pytest.raises(NotImplementedError) as caught:
        ops.PrRoIPool(3, 1.0)(maps(), BOXES)
    message = str(caught.value)
    assert message.startswith("mmcv.ops.prroi_pool needs mmcv's operator prroi_pool_forward")
    assert 'docs/install.md' in message
    assert '\n' not in message


def test_what_is_no_operator_is_no_attribute():
    """Whoever probes the module for Python's own names must not be answered by a function."""
    assert not hasattr(ours, '__wrapped__')


def test_a_device_that_torchvision_was_built_without_is_named(monkeypatch):
    def nms(*_):
        raise NotImplementedError("Could not run 'torchvision::nms' with arguments from 'CUDA'")

    monkeypatch.setattr(torch.ops.torchvision, 'nms', nms)
    with pytest.raises(NotImplementedError, match='has no nms for cpu tensors: install the torch'):
        torchvision_ops.call('nms', BOXES[:, 1:], BOXES[:, 0], 0.5)


def without_torchvision(folder, text):
    """The last line of an import of the operators beside a torchvision that holds ``text``."""
    (folder / 'torchvision.py').write_text(text)
    code = f'import sys; sys.path.insert(0, {str(folder)!r}); import mmcv.ops'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=folder)
    return done.stderr.splitlines()[-1]


def test_a_torchvision_that_does_not_load_is_named(tmp_path):
    said = "raise RuntimeError('operator torchvision::nms does not exist')"
    line = without_torchvision(tmp_path, f'import heracles_mm; {said}')
    assert line.startswith("ImportError: mmcv's operators need a torchvision that fits torch")
    assert 'operator torchvision::nms does not exist' in line


def test_without_torchvision_the_operators_are_absent_for_whoever_probes(tmp_path):
    """mmseg and mmengine take a ModuleNotFoundError for an mmcv without operators."""
    line = without_torchvision(
        tmp_path, "raise ModuleNotFoundError('No module named torchvision', name='torchvision')"
    )
    assert line.startswith("ModuleNotFoundError: mmcv's operators need torchvision")


def test_mmcv_tells_what_its_operators_are():
    assert 'torchvision' in ops.get_compiler_version()
    assert ops.get_compiling_cuda_version() == 'not available'
