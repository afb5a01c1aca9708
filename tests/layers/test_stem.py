"""The stem: fixed statistics are folded into the convolutions, and nothing else changes."""

import copy

import pytest
import torch

from heracles_mm.errors import UsageError
from heracles_mm.layers.embed import Downsample, Stem, input_adaptation


def make():
    """A stem with statistics and weights as after training."""
    stem = Stem(3, 4, 8).double()
    for module in stem.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight.data, module.bias.data, module.running_mean):
                tensor.normal_()
            module.running_var.uniform_(0.1, 2)
    return stem


def plain(stem, x):
    return stem.norm(stem.proj(stem.convs(x)).permute(0, 2, 3, 1))


def test_in_eval_it_is_the_plain_formula_and_its_gradients():
    """A stem with frozen statistics trains on: the folded weights must pass the gradients on."""
    stem, x = make().eval(), torch.randn(2, 3, 33, 20, dtype=torch.float64, requires_grad=True)
    inputs = (x, *stem.parameters())
    direction = torch.randn(2, 9, 5, 8, dtype=torch.float64)
    results = [f(x) for f in (stem, lambda x: plain(stem, x))]
    torch.testing.assert_close(*results)
    torch.testing.assert_close(
        *(torch.autograd.grad((r * direction).sum(), inputs) for r in results)
    )


def test_in_training_it_uses_and_counts_the_batch():
    stem, twin = make().train(), make().train()
    twin.load_state_dict(stem.state_dict())
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    torch.testing.assert_close(stem(x), plain(twin, x))
    torch.testing.assert_close(stem.state_dict(), twin.state_dict())
    assert stem.convs[1].num_batches_tracked == 1


def test_norms_without_statistics_are_applied_as_they_are():
    """GroupNorm has none, and a BatchNorm that tracks none uses the batch in eval too."""
    stem, x = make().eval(), torch.randn(2, 3, 32, 32, dtype=torch.float64)
    stem.convs[1] = torch.nn.BatchNorm2d(4, track_running_stats=False).double().eval()
    torch.testing.assert_close(stem(x), plain(stem, x))


@pytest.mark.parametrize('autocast', [False, True])
@pytest.mark.parametrize('width', [1, 2, 3])
def test_a_narrow_map_keeps_its_numbers_in_bfloat16(width, autocast):
    """oneDNN's strided convolution of one or two columns is wrong on processors with AMX."""
    layer = Downsample(32, 64).eval()
    x = torch.randn(3, 7, width, 32)
    expected = layer(x)
    if autocast:
        with torch.autocast('cpu', torch.bfloat16):
            y = layer.proj(x.permute(0, 3, 1, 2))
    else:
        y = layer.proj.bfloat16()(x.permute(0, 3, 1, 2).bfloat16())
    assert y.dtype == torch.bfloat16
    y = layer.norm(y.float().permute(0, 2, 3, 1))
    assert (y - expected).norm() < 0.02 * expected.norm()


def test_a_stem_without_statistics_takes_those_of_the_batch():
    """As test-time adaptation does: BatchNorm then normalises by what it sees, in inference too."""
    stem, x = make().eval(), torch.randn(2, 3, 16, 12, dtype=torch.float64)
    before = stem(x)
    for module in stem.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean = module.running_var = None
    torch.testing.assert_close(stem(x), plain(stem, x))
    assert not torch.allclose(stem(x), before)


# ---- input channels


@pytest.mark.parametrize('inputs', [1, 2, 4, 7])
def test_weights_of_colours_load_into_other_channels(inputs):
    """A grey picture as its three equal colours gives the same; more channels keep the scale."""
    colours, other = make().eval(), Stem(inputs, 4, 8).double().eval()
    stored = colours.state_dict()
    before = stored['convs.0.weight'].clone()
    other.load_state_dict(stored)
    assert torch.equal(stored['convs.0.weight'], before)  # the caller's weights stay as they are
    how = input_adaptation(before.shape, other.convs[0].weight.shape)
    assert how == ('sum' if inputs == 1 else 'repeat')
    timm = pytest.importorskip('timm', reason='the peer that this is compared with')
    adapted = timm.models.adapt_input_conv(inputs, before)
    torch.testing.assert_close(other.convs[0].weight.detach(), adapted)
    if inputs == 1:
        x = torch.randn(2, 1, 20, 20, dtype=torch.float64)
        torch.testing.assert_close(other(x), colours(x.expand(-1, 3, -1, -1)))


def test_half_precision_weights_keep_their_type():
    conv = Stem(1, 4, 8).half()
    conv.load_state_dict(Stem(3, 4, 8).half().state_dict())
    assert conv.convs[0].weight.dtype == torch.float16


@pytest.mark.parametrize(
    ('stored', 'own'),
    [((8, 4, 7, 7), (8, 3, 7, 7)), ((8, 3, 7, 7), (4, 1, 7, 7)), ((8, 3, 7, 7), (8, 1, 3, 3))],
)
def test_what_cannot_be_adapted_is_another_shape(stored, own):
    assert input_adaptation(stored, own) is None
    assert input_adaptation(own, own) is None


def test_other_shapes_stay_an_error_of_torch():
    with pytest.raises(RuntimeError, match=r'size mismatch for convs\.0\.weight'):
        Stem(3, 4, 8).load_state_dict(Stem(4, 4, 8).state_dict())


# ---- norms


@pytest.mark.parametrize(
    ('norm_cfg', 'kind'),
    [
        (None, torch.nn.BatchNorm2d),
        (dict(type='BN', eps=1e-3, momentum=0.03), torch.nn.BatchNorm2d),
        (dict(type='BN2d'), torch.nn.BatchNorm2d),
        (dict(type='BN', affine=False), torch.nn.BatchNorm2d),
        (dict(type='SyncBN', requires_grad=False), torch.nn.SyncBatchNorm),
        (dict(type='GN', num_groups=2), torch.nn.GroupNorm),
    ],
)
@pytest.mark.parametrize('training', [False, True])
def test_norm_cfg_chooses_the_norms(norm_cfg, kind, training):
    """Named and used as mmcv's build_norm_layer does, and the output is the plain formula's."""
    stem = Stem(3, 4, 8, norm_cfg).double()
    norms = stem.convs[1::3]
    options = {k: v for k, v in (norm_cfg or {}).items() if k not in ('type', 'requires_grad')}
    for norm in norms:
        assert type(norm) is kind
        assert all(getattr(norm, key) == value for key, value in options.items())
        trained = (norm_cfg or {}).get('requires_grad', True)
        assert all(p.requires_grad == trained for p in norm.parameters())
    if training and kind is torch.nn.SyncBatchNorm:
        return  # takes CUDA tensors alone
    x, twin = torch.randn(2, 3, 33, 20, dtype=torch.float64), copy.deepcopy(stem)
    torch.testing.assert_close(stem.train(training)(x), plain(twin.train(training), x))


def test_joined_norms_with_fixed_statistics_are_folded_too(monkeypatch):
    stem = Stem(3, 4, 8, dict(type='SyncBN')).eval()
    monkeypatch.setattr(stem.convs, 'forward', None)  # an instance's own forward is not folded
    assert not stem.is_as_made()
    monkeypatch.undo()
    assert stem.is_as_made()


@pytest.mark.parametrize(
    ('norm_cfg', 'message'),
    [
        (dict(type='LN'), r"unknown type 'LN', choose one of \['BN', 'BN2d', 'SyncBN', 'GN'\]"),
        (dict(type='GN'), 'num_groups'),
        (dict(type='GN', num_groups=3), 'divisible by num_groups'),
        (dict(type='BN', num_groups=3), "unexpected keyword argument 'num_groups'"),
    ],
)
def test_a_wrong_norm_cfg_is_refused(norm_cfg, message):
    with pytest.raises(UsageError, match=f'norm_cfg: .*{message}'):
        Stem(3, 4, 8, norm_cfg)
