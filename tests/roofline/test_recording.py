"""What is recorded is what eager mode runs, with the textbook's operations and bytes."""

from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.profiler import profile

from heracles_mm import Hamsa, Heracles
from heracles_mm.benchmark.resources import count_flops
from heracles_mm.benchmark.workloads import training
from heracles_mm.roofline.recording import STEPS, forward, record

B, C, D = 6, 8, 5
SMALL = dict(stem_width=8, embed_dims=(32,) * 4, depths=(1,) * 4, mlp_ratios=(2,) * 4)
BOTH = pytest.mark.parametrize('as_cuda', [False, True], ids=['cpu', 'cuda'])
FLOAT32, BFLOAT16 = torch.float32, torch.bfloat16


class Two(nn.Module):
    """A product, its sum with a view of itself, and nothing else."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(C, D, bias=False))

    def forward(self, x):
        y = self.inner(x)
        return [y + y.view(D, B).view(B, D)]


@BOTH
def test_operations_bytes_and_modules_of_a_forward_pass(as_cuda):
    """Views move nothing; each other operator reads its inputs and writes its outputs once."""
    product, total = record(Two(), forward, (B, C), FLOAT32, as_cuda)
    assert (product.name, product.module, product.kind) == ('mm', 'inner.0', 'matmul')
    assert product.operations == 2 * B * C * D
    assert product.bytes == 4 * (B * C + C * D + B * D)
    assert (total.name, total.module, total.operations) == ('add', '', 0)
    assert total.bytes == 4 * 3 * B * D
    assert {total.reads[0][0], total.reads[1][0]} == {product.writes[0][0]}
    assert product.kernels == total.kernels == 1


@BOTH
def test_a_gradient_belongs_to_the_module_whose_output_it_is_of(as_cuda):
    found = record(Two(), training, (B, C), FLOAT32, as_cuda)
    products = [(launch.name, launch.module) for launch in found if launch.kind == 'matmul']
    assert products == [('mm', 'inner.0')] * 2  # forward, and the weight's; the input has none
    assert {launch.module for launch in found} == {'inner.0', ''}


@BOTH
@pytest.mark.parametrize('what', STEPS)
@pytest.mark.parametrize('family', [Heracles, Hamsa])
def test_products_are_as_many_as_the_benchmark_counts(family, what, as_cuda):
    """Fake tensors, real ones and torch's own counter agree on multiply-adds."""
    backbone = family(SMALL, img_size=32, drop_path_rate=0.0)
    found = record(backbone, STEPS[what], (2, 3, 32, 32), FLOAT32, as_cuda)
    kinds = ('matmul', 'small', 'conv', 'depthwise', 'attention')
    recorded = sum(launch.operations for launch in found if launch.kind in kinds)
    counted = count_flops(STEPS[what](backbone, torch.randn(2, 3, 32, 32), FLOAT32))
    # HAMSA computes a part of its forward pass again in the backward pass, and the plain formula,
    # which is what the counter sees, makes other products of W_1: a few per cent.
    assert counted <= recorded * (1 + 1e-6) <= 1.25 * counted


@pytest.mark.parametrize('family', [Heracles, Hamsa])
def test_on_the_cpu_it_is_what_the_profiler_sees(family):
    """The routes of eager mode are open under the recorder: the same operators, as often."""
    backbone = family(SMALL, img_size=32).eval()
    found = Counter(each.name for each in record(backbone, forward, (1, 3, 32, 32), FLOAT32, False))
    x = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        backbone(x)
        with profile() as profiler:
            backbone(x)
    seen = Counter(event.name.removeprefix('aten::') for event in profiler.events())
    names = ('addmm', 'mm', 'bmm', 'convolution', 'silu', '_fft_r2c', '_fft_c2r', 'equal', 'gelu')
    assert {name: found[name] for name in names} == {name: seen[name] for name in names}


def test_autocast_as_on_cuda():
    """Products in the half type, layer norms and softmaxes in float32; on the CPU norms are not."""
    model = nn.Sequential(nn.LayerNorm(C), nn.Linear(C, D), nn.LayerNorm(D), nn.Softmax(-1))
    on_cuda, on_cpu = (
        {(each.name, each.dtype) for each in record(model, forward, (B, C), BFLOAT16, as_cuda)}
        for as_cuda in (True, False)
    )
    assert {('addmm', BFLOAT16), ('native_layer_norm', FLOAT32), ('_softmax', FLOAT32)} <= on_cuda
    assert {('addmm', BFLOAT16), ('native_layer_norm', BFLOAT16)} <= on_cpu
    assert ('native_layer_norm', BFLOAT16) not in on_cuda


def test_attention_with_a_learnt_mask_is_one_operator_on_cuda():
    """The CPU has none whose mask takes a gradient and falls back to products."""

    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.mask = nn.Parameter(torch.zeros(1, 1, 4, 4))

        def forward(self, x):
            return F.scaled_dot_product_attention(x, x, x, attn_mask=self.mask)

    kinds = {
        as_cuda: Counter(
            each.kind for each in record(Masked(), training, (2, 2, 4, 8), FLOAT32, as_cuda)
        )
        for as_cuda in (False, True)
    }
    assert kinds[True]['attention'] == 2 and kinds[True]['small'] == 0
    assert kinds[False]['attention'] == 0 and kinds[False]['small'] > 2


def test_kernels_that_an_operator_hides_on_cuda():
    """cuDNN adds a bias in a kernel of its own; a scaled FFT over rows that do not follow each
    other in memory is copied first and scaled after."""

    class Parts(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.grouped = nn.Conv2d(C, C, 3), nn.Conv2d(C, C, 3, groups=C)

        def forward(self, x):
            y = self.grouped(self.conv(x))
            return torch.fft.rfft(y.flatten(2).mT, dim=1, norm='ortho')

    found = record(Parts(), forward, (2, C, 9, 9), FLOAT32, as_cuda=True)
    kernels = [(each.kind, each.kernels) for each in found]
    assert kernels == [('conv', 2), ('depthwise', 1), ('fft', 2)]  # these rows do follow each other
    rows = nn.Sequential(nn.LayerNorm(C))
    rows.forward = lambda x: torch.fft.rfft(x, dim=1, norm='ortho')
    assert [each.kernels for each in record(rows, forward, (2, 9, C), FLOAT32, True)] == [3]
    assert [each.kernels for each in record(rows, forward, (2, 9, C), FLOAT32, False)] == [1]


@BOTH
def test_the_model_is_left_as_it_was(as_cuda):
    """No step of its optimizer, no statistics, and no fake number in the spectra that it keeps."""
    backbone = Hamsa(SMALL, img_size=32)
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    for what in STEPS:
        record(backbone, STEPS[what], (2, 3, 32, 32), FLOAT32, as_cuda)
    for name, value in backbone.state_dict().items():
        assert torch.equal(before[name], value), name
    assert all(parameter.grad is None for parameter in backbone.parameters())
    with torch.no_grad():
        assert all(m.isfinite().all() for m in backbone.eval()(torch.randn(1, 3, 64, 32)))
