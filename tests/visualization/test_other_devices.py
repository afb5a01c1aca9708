"""Pictures are drawn on the CPU of what a model on a GPU computes: here of tensors without values,
which say that they are on a GPU and keep to its rules."""

from contextlib import contextmanager

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

pytest.importorskip('matplotlib', reason='pictures need matplotlib, which comes with mmdet')

from heracles_mm import Hamsa, Heracles
from heracles_mm.spectral import SpectralFilter, TokenKernel
from heracles_mm.visualization.activations import modules_by_stage
from heracles_mm.visualization.frequencies import gate_values, response
from heracles_mm.visualization.periods import token_response

TINY = dict(stem_width=8, embed_dims=(32, 32, 32, 32), depths=(1, 2, 1, 1), mlp_ratios=(2, 2, 2, 2))


@contextmanager
def on_a_gpu(module):
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        yield module.to_empty(device='cuda')


def on_the_cpu(*tensors):
    return all(tensor.device.type == 'cpu' for tensor in tensors)


@pytest.mark.parametrize('transform', ['cosine', 'hartley'])
def test_filters(transform):
    with on_a_gpu(Heracles(TINY, img_size=64, transform=transform)) as model:
        check_responses(model)


@pytest.mark.parametrize('fft_axes', ['tokens', 'grid'])
@pytest.mark.parametrize('kernel', ['complex', 'real'])
def test_kernels_and_gates(fft_axes, kernel):
    with on_a_gpu(Hamsa(TINY, img_size=64, fft_axes=fft_axes, kernel=kernel)) as model:
        check_responses(model)
        picture = torch.empty(1, 3, 64, 64, device='cuda')
        assert model(picture)[0].is_cuda
        assert all(on_the_cpu(*gates) for gates in gate_values(model, picture).values())


def check_responses(model):
    for modules in modules_by_stage(model, SpectralFilter, TokenKernel).values():
        assert all(module.weight.is_cuda for module in modules)
        assert on_the_cpu(*map(response, modules))


@pytest.mark.parametrize(
    'layer',
    [
        lambda: SpectralFilter(2, (12,), 'cosine'),
        lambda: SpectralFilter(2, (12,), 'hartley'),
        lambda: TokenKernel(2, (1, 12)),
    ],
    ids=['cosine', 'hartley', 'kernel'],
)
def test_periods(layer):
    with on_a_gpu(layer()) as moved:
        assert on_the_cpu(*token_response(moved))
