"""Upstream's checkpoints and ours are the same model under two sets of names."""

import pytest
import torch
from upstream_model import SIZES, upstream_maps, upstream_weights

from heracles_mm import Hamsa, Heracles
from heracles_mm.checkpoints import CheckpointError
from heracles_mm.checkpoints.upstream import convert, parameters

STEM, DIMS, DEPTHS, RATIOS = SIZES['tiny']
TINY = dict(stem_width=STEM, embed_dims=DIMS, depths=DEPTHS, mlp_ratios=RATIOS)


def tiny_weights(alpha=1, classes=5, dense_classes=5):
    torch.manual_seed(alpha)
    return upstream_weights('tiny', alpha, classes=classes, dense_classes=dense_classes)


def part(weights, prefix):
    return {key[len(prefix) :]: w for key, w in weights.items() if key.startswith(prefix)}


def old_names(weights):
    return {key.replace('attn.local_ssm.conv', 'attn.conv'): w for key, w in weights.items()}


@pytest.mark.parametrize('naming', [dict, old_names], ids=['new names', 'older names'])
@pytest.mark.parametrize('alpha', [1, 2])
def test_the_converted_backbone_computes_upstreams_formula(alpha, naming):
    """Loaded strictly, so nothing is left to chance; float64, so that only the formula decides."""
    weights = tiny_weights(alpha)
    backbone = Heracles(TINY, spectral_stages=alpha, img_size=64).double().eval()
    backbone.load_state_dict(part(convert(naming(weights)).weights, 'backbone.'))
    pictures = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        maps = backbone(pictures)
    for ours, theirs in zip(maps, upstream_maps(weights, pictures, alpha), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize('heads', [(0, 0), (5, 0), (5, 7)], ids=str)
@pytest.mark.parametrize('alpha', [0, 1, 2, 4])
def test_there_and_back_is_the_same_file(alpha, heads):
    weights = tiny_weights(alpha, *heads)
    there = convert(weights)
    back = convert(there.weights)
    assert (there.source, there.target) == ('upstream Heracles', 'heracles_mm')
    assert (back.source, back.target) == (there.target, there.source)
    assert back.sizes == there.sizes
    assert set(back.weights) == set(weights)
    assert all(back.weights[key] is weights[key] for key in weights)
    assert convert(old_names(weights)).weights.keys() == there.weights.keys()


def test_a_backbone_alone_converts_without_its_prefix():
    state = Heracles(TINY, spectral_stages=2, img_size=64).state_dict()
    upstream = convert(state)
    assert upstream.sizes.spectral_stages == 2
    assert part(convert(upstream.weights).weights, 'backbone.').keys() == state.keys()


@pytest.mark.parametrize(
    ('size', 'alpha', 'published'),
    [
        ('s', 1, 21_739_440),
        ('b', 1, 32_565_392),
        ('l', 1, 54_115_056),
        ('s', 2, 21_678_512),
        ('b', 2, 32_504_464),
        ('l', 2, 53_683_056),
    ],
)
def test_every_parameter_of_the_published_classifiers_is_converted(size, alpha, published):
    """The counts of reference, auxiliary head included; the shapes are our backbone's."""
    with torch.device('meta'):
        weights = upstream_weights(size, alpha, 224, classes=1000, dense_classes=1000)
        own = Heracles(size, spectral_stages=alpha).state_dict()
    conversion = convert(weights)
    assert parameters(conversion.weights) == published
    shapes = {k: w.shape for k, w in part(conversion.weights, 'backbone.').items()}
    assert shapes == {key: w.shape for key, w in own.items()}


def test_the_heads_are_those_of_the_classifier():
    pytest.importorskip('mmpretrain')
    classification = pytest.importorskip('heracles_mm.classification')
    classifier = classification.ClassTokenClassifier(
        backbone=dict(type='Heracles', arch=TINY, img_size=64),
        neck=dict(type='ClassAttentionBlock', in_channels=64),
        head=dict(type='TokenLabelHead', num_classes=5, in_channels=64),
    )
    shapes = {key: w.shape for key, w in convert(tiny_weights()).weights.items()}
    assert shapes == {key: w.shape for key, w in classifier.state_dict().items()}


def without(*names):
    return lambda weights: {k: w for k, w in weights.items() if not k.startswith(names)}


def plus(name, *shape):
    return lambda weights: {**weights, name: torch.zeros(shape)}


REFUSED = {
    'a key of nobody': (plus('relative_position', 3), r'1 not understood \(relative_position\)'),
    'a second class block': (plus('post_network.1.norm1.weight', 64), '1 not understood'),
    'a missing tensor': (without('block2.1.mlp.fc1.bias'), r'1 missing \(block2.1.mlp.fc1.bias\)'),
    'half a class block': (without('post_network.0.mlp'), '4 missing'),
    'no last norm': (without('norm4'), r'lacks norm4\.weight'),
    'a wrong width': (
        plus('head.bias', 4),
        r'1 of a shape that does not fit \(head.bias is \(4,\)',
    ),
    'a scalar': (plus('norm1.weight'), 'of a shape that does not fit'),
    'an attention stage before a spectral one': (
        lambda w: {**w, 'block3.0.attn.weight': torch.zeros(32, 4, 4)},
        r'1 not understood \(block3.0.attn.weight\)',
    ),
    'one tensor under two names': (
        plus('block1.0.attn.conv.bias', 16),
        'under their old and their new names',
    ),
    'a ResNet': (
        lambda w: {'conv1.weight': torch.zeros(64, 3, 7, 7)},
        'of neither upstream Heracles .* nor heracles_mm .* look like conv1.weight',
    ),
    'a HAMSA': (
        lambda w: Hamsa(TINY, img_size=64).state_dict(),
        r'not understood \(backbone.stages.0.blocks.0.mixer.uv.weight',
    ),
}


@pytest.mark.parametrize('case', REFUSED)
def test_leftovers_are_refused_by_name(case):
    """A tensor silently dropped or left at random is what conversion is feared for."""
    change, message = REFUSED[case]
    with pytest.raises(CheckpointError, match=message) as refused:
        convert(change(tiny_weights()))
    assert '\n' not in str(refused.value)


def test_every_single_tensor_is_needed():
    weights = tiny_weights()
    for key in weights:
        with pytest.raises(CheckpointError):
            convert(without(key)(weights))


def test_the_formula_of_this_test_depends_on_every_weight():
    """Else equality would prove nothing about the names of those it ignores."""
    weights = tiny_weights(classes=0, dense_classes=0)
    pictures = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    before = upstream_maps(weights, pictures, 1)[3]
    for key, weight in weights.items():
        if weight.is_floating_point():
            changed = {**weights, key: weight * 1.5 + 0.1}
            assert not torch.equal(upstream_maps(changed, pictures, 1)[3], before), key
