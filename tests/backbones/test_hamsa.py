"""HAMSA: the published sizes, the published formula, its own options, its stability."""

import pytest
import torch
import torch.nn.functional as F
from backbones import TINY, tiny
from torch import nn

from heracles_mm import Hamsa
from heracles_mm.checkpoints import CheckpointError
from heracles_mm.layers.block import Block
from heracles_mm.layers.hss import HSS

# Stem width, then widths, depths, FFN ratios; and the whole classifier, which the paper gives in
# millions: 28, 43 and 72.
SIZES = {
    's': (32, (64, 128, 320, 448), (3, 4, 6, 3), (8, 8, 4, 4)),
    'b': (64, (64, 128, 320, 512), (3, 4, 12, 3), (8, 8, 4, 4)),
    'l': (64, (96, 192, 384, 512), (3, 6, 18, 3), (8, 8, 4, 4)),
    'nano': (16, (32, 64, 128, 192), (2, 2, 4, 2), (4, 4, 4, 4)),
}
CLASSIFIERS = {'s': 28_458_760, 'b': 42_578_920, 'l': 71_638_504}
TOKENS = (56 * 56, 28 * 28, 14 * 14, 7 * 7)
HAMSAS = pytest.mark.parametrize('name', ['hamsa', 'hamsa-grid', 'hamsa-real', 'hamsa-grid-real'])


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def conv(inputs: int, outputs: int, side: int, bias: bool = True) -> int:
    return inputs * outputs * side**2 + outputs * bias


def linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


def hss(dim: int, tokens: int, kernel: str = 'complex') -> int:
    """u, v, out and W_g with biases; K, W_1 and W_2 without."""
    parts = 2 if kernel == 'complex' else 1
    return 4 * linear(dim, dim) + parts * dim * tokens + parts * dim**2 + dim**2


def backbone_size(arch: str, kernel: str = 'complex') -> int:
    """The formula of docs/hamsa.md, nothing read off the code."""
    stem, dims, depths, ratios = SIZES[arch]
    total = conv(3, stem, 7, bias=False) + 2 * conv(stem, stem, 3, bias=False)
    total += 3 * 2 * stem  # BatchNorm
    for stage, (dim, depth, ratio, tokens) in enumerate(zip(dims, depths, ratios, TOKENS)):
        embed = conv(stem if stage == 0 else dims[stage - 1], dim, 3) + 2 * dim
        hidden = dim * ratio
        ffn = linear(dim, hidden) + (9 * hidden + hidden) + linear(hidden, dim)
        total += embed + depth * (2 * 2 * dim + hss(dim, tokens, kernel) + ffn) + 2 * dim
    return total


def classifier_head(dim: int) -> int:
    """Class block as this reading has it (two norms, an HSS on 7x7, FFN of ratio 4) and Linear."""
    ffn = linear(dim, 4 * dim) + linear(4 * dim, dim)
    return 2 * 2 * dim + hss(dim, TOKENS[-1]) + ffn + linear(dim, 1000)


@pytest.mark.parametrize('kernel', ['complex', 'real'])
@pytest.mark.parametrize('arch', SIZES)
def test_parameters_to_the_digit(arch, kernel):
    with torch.device('meta'):
        backbone = Hamsa(arch, kernel=kernel)
    assert count(backbone) == backbone_size(arch, kernel)
    assert backbone.out_channels == SIZES[arch][1]


@pytest.mark.parametrize(('arch', 'published'), [('s', 28), ('b', 43), ('l', 72)])
def test_the_classifiers_have_the_published_sizes(arch, published):
    """28.46, 42.58 and 71.64 million with the class block of this reading and the head."""
    total = backbone_size(arch) + classifier_head(SIZES[arch][1][-1])
    assert total == CLASSIFIERS[arch]
    assert round(total / 1e6) == published


def test_both_axes_have_the_same_parameters():
    """A checkpoint says nothing about the axes; only the meaning of K differs."""
    tokens, grid = tiny('hamsa'), tiny('hamsa-grid')
    grid.load_state_dict(tokens.state_dict())
    x = torch.randn(1, 3, 64, 64)
    assert not torch.allclose(tokens.eval()(x)[3], grid.eval()(x)[3])


def test_every_stage_mixes_with_hss():
    backbone = tiny('hamsa')
    kinds = [{type(block.mixer) for block in stage.blocks} for stage in backbone.stages]
    assert kinds == [{HSS}] * 4


@pytest.mark.parametrize('kernel', ['complex', 'real'])
def test_the_block_is_the_papers_formula(kernel):
    """x += HSS(LN(x)), x += FFN(LN(x)); HSS = Linear(SiLU(Linear x) * SASS(SiLU(Linear x))), with
    complex numbers and every bin."""
    block = Block(6, HSS(6, (5, 7), 'tokens', kernel), mlp_ratio=2, drop_path=0.0).double()
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=0.5)
    x = torch.randn(2, 5, 7, 6, dtype=torch.float64)
    hss = block.mixer
    normed = F.layer_norm(x, (6,), block.norm1.weight, block.norm1.bias, 1e-6)
    u, v = F.silu(hss.uv(normed)).split(6, dim=-1)
    spectrum = torch.fft.fft(v.flatten(1, 2), dim=1, norm='ortho')
    gate = hss.sass.pulse.gate
    spectrum = spectrum * torch.sigmoid(spectrum.abs() @ gate.weight.T + gate.bias)
    zero = torch.zeros(1, 1)
    psi = hss.sass.kernel.weight.flatten(2).mT  # (2 or 1, L, C)
    y = torch.fft.fft(torch.complex(psi[0], psi[1] if kernel == 'complex' else 0 * psi[0]), dim=0)
    y = y * spectrum
    w1 = hss.sass.sagu.w1
    w1 = torch.complex(w1[0], w1[1] if kernel == 'complex' else zero.expand_as(w1[0]).double())
    z = (y @ w1) * torch.sigmoid(y.abs() @ hss.sass.sagu.w2)
    mixed = torch.fft.ifft(z, dim=1, norm='ortho').real.reshape(2, 5, 7, 6)
    x1 = x + hss.proj(u * mixed)
    expected = x1 + block.ffn(F.layer_norm(x1, (6,), block.norm2.weight, block.norm2.bias, 1e-6))
    torch.testing.assert_close(block(x), expected, rtol=0, atol=1e-10)


@HAMSAS
def test_transforms_stay_float32_under_autocast(name, monkeypatch):
    """A run that merely finishes proves nothing: look at what reaches each transform."""
    seen = []
    for function in ('rfftn', 'irfftn'):
        transform = getattr(torch.fft, function)

        def spy(x, *args, transform=transform, **kwargs):
            seen.append((x.dtype, torch.is_autocast_enabled('cpu')))
            return transform(x, *args, **kwargs)

        monkeypatch.setattr(torch.fft, function, spy)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        tiny(name)(torch.randn(1, 3, 64, 64))
    assert len(seen) == 3 * 5  # kernel, map and back, in each of five blocks
    assert set(seen) == {(torch.float32, False), (torch.complex64, False)}


@pytest.mark.parametrize('name', ['hamsa', 'hamsa-grid-real'])
def test_three_hundred_steps_under_bfloat16_stay_finite(name):
    """Pictures of every kind: noise, constant, black, and values at the end of float16."""
    torch.manual_seed(0)
    smallest = dict(
        stem_width=4, embed_dims=(32, 32, 32, 32), depths=(1, 1, 1, 1), mlp_ratios=(1, 1, 1, 1)
    )
    backbone = tiny(name, arch=smallest, img_size=32, drop_path_rate=0.0)
    head = nn.Linear(32, 2)
    parameters = [*backbone.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.05)
    labels = torch.tensor([0, 1])
    for step in range(300):
        pictures = torch.randn(2, 3, 32, 32)
        pictures[1] = pictures[1].mean((-2, -1), keepdim=True) + step % 3
        if step % 50 == 49:
            pictures *= 20000
        if step % 50 == 24:
            pictures.zero_()
        with torch.autocast('cpu', dtype=torch.bfloat16):
            loss = F.cross_entropy(head(backbone(pictures)[-1].mean((-2, -1))), labels)
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(parameters, 5.0)
        assert loss.isfinite(), step
        assert norm.isfinite(), step
        optimizer.step()
    assert all(p.isfinite().all() for p in parameters)


@HAMSAS
@pytest.mark.parametrize('value', [0.0, 1.0], ids=['black', 'constant'])
def test_pictures_without_frequencies(name, value):
    backbone = tiny(name)
    sum(m.square().sum() for m in backbone(torch.full((2, 3, 64, 64), value))).backward()
    assert all(p.grad.isfinite().all() for p in backbone.parameters())


@HAMSAS
def test_one_token(name):
    """32 px leave one position in the last stage, and a kernel of one value."""
    backbone = tiny(name, img_size=32).eval()
    assert backbone.stages[3].blocks[0].mixer.sass.kernel.weight.shape[-2:] == (1, 1)
    x = torch.randn(2, 3, 32, 32)
    assert all(m.isfinite().all() for m in backbone(x))
    assert all(m.isfinite().all() for m in backbone(torch.randn(2, 3, 64, 96)))


def test_evaluation_follows_weights_written_through_data():
    """What mmengine's EMAHook does: write through .data, validate in eval mode, write back."""
    backbone, x = tiny('hamsa').eval(), torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = backbone(x)[3]
        kernels = [m.sass.kernel.weight for m in backbone.modules() if isinstance(m, HSS)]
        for weight in kernels:
            weight.data.copy_(weight.data * 50)
        after = backbone.eval()(x)[3]
        fresh = tiny('hamsa').eval()
        fresh.load_state_dict(backbone.state_dict())
        assert torch.equal(after, fresh(x)[3])
        assert not torch.equal(after, before)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(fft_axes='token'), r"unknown fft_axes 'token': choose one of \['tokens', 'grid'\]"),
        (dict(kernel='Real'), r"unknown kernel 'Real': choose one of \['complex', 'real'\]"),
        (dict(arch='h'), "unknown arch 'h': choose one of"),
    ],
)
def test_its_own_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        Hamsa(**{'arch': TINY, **options})


def test_a_misspelt_option_is_answered_with_those_there_are():
    with pytest.raises(TypeError, match="'fft_axis', allowed are arch, fft_axes, kernel, in_ch"):
        Hamsa(TINY, fft_axis='grid')


KERNEL = 'stages.0.blocks.0.mixer.sass.kernel.weight'


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda w: w.fill_(float('nan')), rf'1 of its tensors hold NaN or infinity \({KERNEL}\)'),
        (lambda w: w[:, :5], rf'{KERNEL} is \(2, 5, 16, 16\) not \(2, 32, 16, 16\)'),
        (lambda w: w[:1], rf'{KERNEL} is \(1, 32, 16, 16\) not \(2, 32, 16, 16\)'),
    ],
    ids=['nan', 'width', 'real'],
)
def test_a_wrong_stored_kernel_is_named(change, message):
    backbone = tiny('hamsa')
    state = backbone.state_dict()
    state[KERNEL] = change(state[KERNEL].clone())
    with pytest.raises(CheckpointError, match=message):
        backbone.load_state_dict(state)
