"""What a name on the command line builds, at any size."""

import math

import pytest
import torch
from torch import Tensor

from heracles_mm import Hamsa, Heracles
from heracles_mm.benchmark.candidates import OURS, PEERS, candidate
from heracles_mm.benchmark.filter_candidates import FILTERS
from heracles_mm.errors import UserError

ODD = (1, 3, 61, 90)


@pytest.mark.parametrize(
    ('text', 'family', 'expected'),
    [
        ('heracles_nano', Heracles, Heracles('nano', img_size=ODD[2:])),
        ('heracles_nano_a2', Heracles, Heracles('nano', spectral_stages=2, img_size=ODD[2:])),
        ('hamsa_nano_real', Hamsa, Hamsa('nano', kernel='real', img_size=ODD[2:])),
        (
            'heracles:arch=nano,spectral_stages=2,transform=hartley,out_indices=(0,1),img_size=64',
            Heracles,
            Heracles(
                'nano', spectral_stages=2, transform='hartley', out_indices=(0, 1), img_size=64
            ),
        ),
    ],
)
def test_our_names_and_options(text, family, expected):
    """The same text of all modules and the same weights' shapes: the same backbone."""
    built = candidate(text).build(ODD)
    assert type(built) is family
    assert str(built) == str(expected)
    assert [p.shape for p in built.parameters()] == [p.shape for p in expected.parameters()]


@pytest.mark.parametrize('name', OURS)
def test_every_short_name_is_built(name):
    with torch.device('meta'):
        assert candidate(name).build((1, 3, 64, 64)).out_channels


@pytest.mark.parametrize('name', PEERS)
@pytest.mark.parametrize('shape', [(1, 3, 64, 64), ODD])
def test_peers_take_any_size(name, shape):
    """Four maps of strides 4 to 32 from the pyramids (rounded up or down, channels first or last,
    as timm has it), whole patches of 16 px and a class token from DeiT."""
    pytest.importorskip('timm')
    model = candidate(name).build(shape).eval()
    with torch.inference_mode():
        maps = model(torch.randn(shape))
    if name == 'deit_s':
        assert isinstance(maps, Tensor)
        assert maps.shape == (1, 1 + (shape[2] // 16) * (shape[3] // 16), 384)
        return
    assert len(maps) == 4
    for stride, found in zip((4, 8, 16, 32), maps, strict=True):
        for side in shape[2:]:
            assert {side // stride, math.ceil(side / stride)} & set(found.shape)


def test_channels_last_holds_for_the_maps_and_changes_no_number():
    """The convolutions pass on the layout of their weights."""
    plain, last = (
        candidate(f'heracles_nano:channels_last={value}').build((1, 3, 64, 64)).eval()
        for value in (False, True)
    )
    last.load_state_dict(plain.state_dict())
    stem = last.stages[0].embed.convs
    x = torch.randn(1, 3, 64, 64)
    assert stem(x).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(last(x), plain(x), rtol=1e-4, atol=1e-5)


def test_any_name_and_option_of_timm():
    pytest.importorskip('timm')
    model = candidate('convnext_atto:out_indices=(0,2),drop_path_rate=0').build((1, 3, 64, 64))
    assert [m.shape[-1] for m in model(torch.randn(1, 3, 64, 64))] == [16, 4]


@pytest.mark.parametrize('name', FILTERS)
@pytest.mark.parametrize('grid', [(8, 8), (7, 10), (5, 9)])
def test_filters_of_weight_one_change_nothing(name, grid):
    """Transform and inverse belong together, so the four do the same kind of work."""
    if name == 'torch_dct':
        pytest.importorskip('torch_dct')
    x = torch.randn(2, 3, *grid)
    model = FILTERS[name].build((2, 3, *grid))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1)
            if name == 'rfft2':
                parameter[..., 1] = 0  # the imaginary part
    torch.testing.assert_close(model(x), x, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('heracles_s:with_cp', ['KEY=VALUE']),
        ('heracles_s:=1', ['KEY=VALUE']),
        ('heracles_s:arhc=b', ["'arhc'", 'allowed are arch']),
        ('hamsa:arch=xl', ["unknown arch 'xl'"]),
    ],
)
def test_wrong_options_are_named(text, words):
    with pytest.raises(UserError) as caught:
        candidate(text).build((1, 3, 64, 64))
    for word in words:
        assert word in str(caught.value)
