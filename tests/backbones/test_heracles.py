"""Heracles: the published sizes, the published formula, its own options."""

import pytest
import torch
import torch.nn.functional as F
from backbones import TINY, tiny
from torch import nn

from heracles_mm import Heracles
from heracles_mm.checkpoints import CheckpointError
from heracles_mm.layers.attention import Attention
from heracles_mm.layers.spectral_mixer import SpectralMixer
from heracles_mm.spectral import dct2, dht2, filters, idct2

# Whole classifiers without the auxiliary head: published for alpha = 1 (the training log of B says
# 32,565,392 with it), checked by arithmetic for alpha = 2.
CLASSIFIERS = {
    ('s', 1): 21_739_440 - 449_000,
    ('b', 1): 32_565_392 - 513_000,
    ('l', 1): 54_115_056 - 513_000,
    ('s', 2): 21_678_512 - 449_000,
    ('b', 2): 32_504_464 - 513_000,
    ('l', 2): 53_683_056 - 513_000,
}
WIDTHS = {
    's': (64, 128, 320, 448),
    'b': (64, 128, 320, 512),
    'l': (96, 192, 384, 512),
    'h': (192, 384, 576, 768),
    'nano': (32, 64, 128, 192),
}


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def classifier_head(dim: int) -> int:
    """Class-attention block (two norms, q, kv, proj, FFN of ratio 4) and Linear to 1000 classes."""
    attention = (dim * dim + dim) + (2 * dim * dim + 2 * dim) + (dim * dim + dim)
    ffn = (4 * dim * dim + 4 * dim) + (4 * dim * dim + dim)
    return 4 * dim + attention + ffn + (1000 * dim + 1000)


@pytest.mark.parametrize(('variant', 'published'), CLASSIFIERS.items(), ids=str)
def test_parameters_to_the_digit(variant, published):
    """Backbone, class block and head together are the published classifier."""
    arch, alpha = variant
    backbone = Heracles(arch, spectral_stages=alpha)
    assert count(backbone) == published - classifier_head(WIDTHS[arch][-1])


def test_parameters_of_s_to_the_digit():
    """The figure the reference gives for the backbone itself, all four output norms included."""
    assert count(Heracles('s', spectral_stages=1)) == 18_427_168


@pytest.mark.parametrize('arch', WIDTHS)
def test_named_archs_have_their_widths(arch):
    with torch.device('meta'):
        backbone = Heracles(arch)
    assert backbone.out_channels == WIDTHS[arch]


@pytest.mark.parametrize('alpha', range(5))
def test_the_first_alpha_stages_are_spectral_and_the_others_attend(alpha):
    backbone = tiny('heracles-cosine', spectral_stages=alpha)
    kinds = [{type(block.mixer) for block in stage.blocks} for stage in backbone.stages]
    assert kinds == [{SpectralMixer}] * alpha + [{Attention}] * (4 - alpha)


@pytest.mark.parametrize(
    ('transform', 'forward', 'inverse'), [('cosine', dct2, idct2), ('hartley', dht2, dht2)]
)
def test_the_spectral_mixer_is_the_papers_formula(transform, forward, inverse):
    """Halves of the channels, local and global, interleaved l0, g0, l1, g1, ..."""
    mixer = SpectralMixer(6, (5, 7), transform, 'gate')
    x = torch.randn(2, 5, 7, 6)
    first, second = x.permute(0, 3, 1, 2).split(3, dim=1)
    local = F.conv2d(first, mixer.local.weight, mixer.local.bias, padding=1, groups=3)
    spectral = inverse(forward(second) * mixer.filter.weight)
    expected = torch.empty(2, 6, 5, 7)
    expected[:, 0::2], expected[:, 1::2] = local, spectral
    torch.testing.assert_close(mixer(x), expected.permute(0, 2, 3, 1))


def test_attention_is_softmax_attention_over_all_positions():
    """Written out with an explicit softmax, head by head."""
    attention = Attention(64, head_dim=32).double()
    x = torch.randn(2, 3, 5, 64, dtype=torch.float64)
    tokens = x.reshape(2, 15, 64)
    q, (k, v) = attention.q(tokens), attention.kv(tokens).split(64, dim=-1)
    heads = []
    for head in (slice(0, 32), slice(32, 64)):
        scores = q[..., head] @ k[..., head].mT * 32**-0.5
        heads.append(scores.softmax(-1) @ v[..., head])
    expected = attention.proj(torch.cat(heads, -1)).reshape(x.shape)
    torch.testing.assert_close(attention(x), expected)


def test_initialisation_is_upstreams():
    backbone = Heracles('s')
    block = backbone.stages[0].blocks[0]
    assert block.ffn.fc1.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert block.mixer.filter.weight.std().item() == pytest.approx(0.02, rel=0.05)
    # fan_out = 3 * 3 * out / groups
    assert block.ffn.dwconv.weight.std().item() == pytest.approx((2 / 9) ** 0.5, rel=0.05)
    assert backbone.stages[1].embed.proj.weight.std().item() == pytest.approx(
        (2 / (9 * 128)) ** 0.5, rel=0.05
    )
    assert not block.ffn.fc1.bias.any()
    assert not backbone.stages[0].embed.proj.bias.any()


def test_the_transform_stays_float32_under_autocast(monkeypatch):
    """A CPU run that merely finishes proves nothing: look at what reaches the transform."""
    seen = []

    def spy(x, axes):
        seen.append((x.dtype, torch.is_autocast_enabled('cpu')))
        return dct2(x, axes)

    cosine = filters.TRANSFORMS['cosine']._replace(forward=spy)
    monkeypatch.setitem(filters.TRANSFORMS, 'cosine', cosine)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        tiny('heracles-cosine')(torch.randn(1, 3, 64, 64))
    assert seen == [(torch.float32, False)]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(spectral_stages=5), 'spectral_stages must be 0 to 4, got 5'),
        (dict(spectral_stages='1'), "spectral_stages must be 0 to 4, got '1'"),
        (dict(transform='fourier'), "unknown transform 'fourier'"),
        (dict(hartley_product='convolution'), "needs transform='hartley'"),
        (dict(transform='fourier', spectral_stages=0), "unknown transform 'fourier'"),
        (dict(hartley_product='dot', spectral_stages=0), "unknown product 'dot'"),
    ],
)
def test_its_own_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        Heracles(TINY, **options)


def test_nan_in_a_stored_filter_is_named():
    backbone = tiny('heracles-cosine')
    state = backbone.state_dict()
    key = 'stages.0.blocks.0.mixer.filter.weight'
    state[key] = state[key].clone().fill_(float('nan'))
    with pytest.raises(CheckpointError, match=rf'hold NaN or infinity \({key}\)'):
        backbone.load_state_dict(state)
