"""The counter gives the textbook's figures, however the arithmetic is carried out."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from heracles_mm import Hamsa, Heracles
from heracles_mm.counting import count, module_parts, part_of, work_of
from heracles_mm.layers import banded_ffn
from heracles_mm.layers.attention import Attention
from heracles_mm.layers.ffn import ConvFFN
from heracles_mm.spectral import SASS, SpectralFilter, dct2, dht2

sizes = st.integers(1, 20)


def counted(call, model=None) -> dict:
    kinds = {}
    for (_, kind), number in count(call, model).items():
        kinds[kind] = kinds.get(kind, 0) + number
    return kinds


def fft(points: int) -> int:
    """Multiply-adds of a transform of real numbers: half of 5 n log2 n operations, two to one."""
    return round(5 * points * math.log2(points) / 2 / 2)


@settings(deadline=None, max_examples=20)
@given(sizes, sizes, sizes, sizes)
def test_dense_layers(batch, inputs, outputs, side):
    """A weight is used once at every position."""
    x = torch.zeros(batch, side, side, inputs)
    linear, conv = nn.Linear(inputs, outputs), nn.Conv2d(inputs, outputs, 3, padding=1)
    positions = batch * side * side
    assert counted(lambda: linear(x)) == {'linear': positions * inputs * outputs}
    assert counted(lambda: conv(x.permute(0, 3, 1, 2))) == {
        'conv': positions * 9 * inputs * outputs
    }


@pytest.mark.parametrize('device', ['cpu', 'meta'])
def test_attention_is_its_two_products_and_four_projections(device):
    """Fused on the CPU, written out on meta tensors."""
    attention = Attention(64, head_dim=32).to(device)
    x = torch.zeros(2, 5, 7, 64, device=device)
    tokens = 5 * 7
    assert counted(lambda: attention(x)) == {
        'linear': 2 * tokens * 4 * 64**2,
        'attention': 2 * 2 * tokens**2 * 64,
    }


@settings(deadline=None, max_examples=20)
@given(sizes, sizes, sizes, sizes)
def test_cosine_filter(batch, channels, height, width):
    """There and back: a matrix of H on every column, a matrix of W on every row."""
    x = torch.zeros(batch, channels, height, width)
    layer = SpectralFilter(channels, (height, width))
    there = batch * channels * height * width * (height + width)
    assert counted(lambda: layer(x), layer) == {'transform': 2 * there}


def test_ffts():
    """A batch of transforms of real numbers, 1-D and 2-D, there and back; complex ones are twice
    as dear."""
    x = torch.zeros(3, 24, 20)
    assert counted(lambda: torch.fft.rfft2(x)) == {'fft': 3 * fft(24 * 20)}
    assert counted(lambda: torch.fft.rfft(x)) == {'fft': 3 * 24 * fft(20)}
    assert counted(lambda: torch.fft.irfft2(torch.fft.rfft2(x), s=(24, 20))) == {
        'fft': 6 * fft(24 * 20)
    }
    assert counted(lambda: torch.fft.fft2(x.to(torch.complex64))) == {'fft': 6 * fft(24 * 20)}


def test_long_axes_go_through_ffts():
    x = torch.zeros(2, 3, 1030)  # the product's limit for the cosine transform is 1024
    assert counted(lambda: dct2(x)) == {'fft': 6 * fft(1030), 'attention': 2 * 3 * 3 * 1030}
    assert counted(lambda: dht2(torch.zeros(2, 70, 66))) == {'fft': 2 * fft(70 * 66)}


@pytest.mark.parametrize(('kernel', 'products'), [('complex', 1 + 2 + 8), ('real', 1 + 1 + 2)])
def test_spectral_state_space(kernel, products):
    """On half of the bins: W_g on |V|; with a real kernel W_2 on |Y| and W_1 on both parts of Y;
    with a complex one Y(f) and Y(-f) are apart and W_1 has two parts, so 2 and 2 x 2 x 2."""
    sass = SASS(8, (6, 5), kernel=kernel)
    work = work_of(OnPictures(sass), (6, 5), 'cpu').picture
    kinds = {}
    for (_, kind), number in work.items():
        kinds[kind] = kinds.get(kind, 0) + number
    assert kinds == {'gates': products * (30 // 2 + 1) * 64, 'fft': 2 * 8 * fft(30)}


class OnPictures(nn.Module):
    """SASS of pictures (B, 3, H, W) widened by zeros."""

    def __init__(self, sass):
        super().__init__()
        self.sass = sass

    def forward(self, x):
        return self.sass(F.pad(x.permute(0, 2, 3, 1), (0, 5)))


TINY = dict(stem_width=8, embed_dims=(32, 32, 64, 64), depths=(1, 1, 1, 1), mlp_ratios=(2, 2, 2, 2))
BACKBONES = {
    'cosine': lambda: Heracles(TINY, img_size=64, spectral_stages=2),
    'hartley': lambda: Heracles(TINY, img_size=64, transform='hartley'),
    'hamsa': lambda: Hamsa(TINY, img_size=64),
    'hamsa-grid': lambda: Hamsa(TINY, img_size=64, kernel='real', fft_axes='grid'),
}


@pytest.fixture(params=BACKBONES)
def model(request):
    return BACKBONES[request.param]()


def test_a_count_does_not_depend_on_how_it_is_carried_out(model, monkeypatch):
    """Routes of eager mode (folded norms, bands, groups of a batch, chunks of bins), whatever their
    limits, give way to the plain formula where operators are counted: in training, in evaluation
    and on meta tensors."""

    def forward(count, side=64):
        return counted(lambda: model(torch.zeros(count, 3, side, side)), model)

    model.train()
    training = forward(2)
    for size in (1, 2**40):  # all in bands of two rows, or nothing
        monkeypatch.setattr(banded_ffn, 'BAND_BYTES', size)
        assert forward(2) == training
        with torch.no_grad():
            assert forward(2) == training
            model.eval()
            evaluation = forward(2)
            assert evaluation == training
        model.train()
    model.eval()
    with torch.no_grad(), monkeypatch.context() as patch:
        patch.setattr('heracles_mm.backbones.pyramid.GROUP_BYTES', 1)
        patch.setattr('heracles_mm.spectral.fused_bins.CHUNK', 64)
        assert forward(2) == training
    on_cpu = work_of(model, (96, 64), 'cpu')
    assert work_of(model.to('meta'), (96, 64)) == on_cpu


def test_two_pictures_cost_twice_one(model):
    """And at the trained size the only work beside is that of kernels; at another also that of
    filters that move."""
    model.to('meta')
    work = work_of(model, (64, 64))
    assert {kind for _, kind in work.once} <= {
        'fft',
        'transform',
    }  # R + j I and R - j I of a spectrum
    assert all(name.endswith('.kernel') for name, _ in work.once)
    moved = work_of(model, (96, 64))
    assert all(name.endswith(('.kernel', '.filter')) for name, _ in moved.once)
    assert bool(moved.once) and all(count > 0 for count in moved.once.values())
    for shape, found in (((64, 64), work), ((96, 64), moved)):
        model.eval()
        with torch.no_grad():
            three = counted(lambda shape=shape: model(torch.zeros(3, 3, *shape, device='meta')))
        assert sum(three.values()) == 3 * found.picture.total() + found.once.total()


def test_all_work_of_a_backbone_lies_in_its_stem_and_stages():
    model = Heracles(TINY, img_size=64)
    known = module_parts(model)
    assert list(known.values()) == ['stem', 'stage 1', 'stage 2', 'stage 3', 'stage 4']
    work = work_of(model, (64, 64), 'cpu').picture
    stem = sum(count for (name, _), count in work.items() if part_of(name, known) == 'stem')
    assert stem == 32**2 * 8 * (3 * 49 + 2 * 8 * 9) + 16**2 * 32 * 8 * 9
    assert 'other' not in {part_of(name, known) for name, _ in work}


@pytest.mark.parametrize('forced', [1, 2**40])
def test_a_banded_network_is_counted_as_the_plain_one(forced, monkeypatch):
    monkeypatch.setattr(banded_ffn, 'BAND_BYTES', forced)
    ffn = ConvFFN(16, 4)
    x = torch.zeros(2, 9, 11, 16)
    assert counted(lambda: ffn(x), ffn) == {
        'linear': 2 * 99 * 2 * 16 * 64,
        'conv': 2 * 99 * 64 * 9,
    }


@pytest.mark.parametrize('arch', ['s', 'l'])
def test_hamsa_by_hand(arch):
    """Every block: three linear layers in the mixer, the gates on half of the bins, one transform
    there and one back for each channel, and the feed-forward network."""
    model = Hamsa(arch).to('meta')
    width, sizes = model.arch.stem_width, model.arch
    total = 112**2 * width * (3 * 49 + 2 * width * 9)
    inputs, side = width, 56
    for dim, depth, ratio in zip(sizes.embed_dims, sizes.depths, sizes.mlp_ratios, strict=True):
        tokens, hidden = side**2, int(ratio * dim)
        mixer = tokens * 3 * dim**2 + (tokens // 2 + 1) * 11 * dim**2 + 2 * dim * fft(tokens)
        block = mixer + tokens * hidden * (2 * dim + 9)
        total += tokens * 9 * inputs * dim + depth * block
        inputs, side = dim, (side + 1) // 2
    assert work_of(model, (224, 224)).picture.total() == total
