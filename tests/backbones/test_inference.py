"""What is optimized for inference computes what the model does, with less, and never trains."""

import copy
from functools import partial

import pytest
import torch
from backbones import BACKBONES, tiny
from torch import nn

from heracles_mm import Hamsa, Heracles, optimize_for_inference
from heracles_mm.errors import UsageError
from heracles_mm.inference import FilterAtSize, HSSAtSize
from heracles_mm.layers.attention import Attention
from heracles_mm.layers.hss import HSS
from heracles_mm.layers.spectral_mixer import SpectralMixer
from heracles_mm.spectral import SASS, SpectralFilter

SIZE = (64, 96)


def trained(name: str) -> nn.Module:
    """A backbone whose statistics and spectral weights are not those of a fresh one."""
    torch.manual_seed(0)
    backbone = tiny(name).eval()
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return backbone


@pytest.fixture(params=BACKBONES)
def backbone(request):
    return trained(request.param)


@torch.no_grad()
def test_the_maps_are_the_same_at_the_examples_size_and_at_others(backbone):
    before = copy.deepcopy(backbone.state_dict())
    fast = optimize_for_inference(backbone, torch.randn(1, 3, *SIZE))
    for shape in ((1, *SIZE), (3, *SIZE), (2, 32, 40)):
        x = torch.randn(shape[0], 3, *shape[1:])
        torch.testing.assert_close(fast(x), backbone(x), rtol=1e-5, atol=1e-5)
    after = backbone.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(parameter.requires_grad for parameter in backbone.parameters())


@torch.no_grad()
def test_without_an_example_only_the_norms_are_folded(backbone):
    fast, x = optimize_for_inference(backbone), torch.randn(2, 3, *SIZE)
    torch.testing.assert_close(fast(x), backbone(x), rtol=1e-5, atol=1e-5)
    assert not any(isinstance(m, nn.BatchNorm2d | HSSAtSize | FilterAtSize) for m in fast.modules())


class Louder(nn.Linear):
    """As an adapter is: what it computes is not its weight alone."""

    def forward(self, x):
        return 1000 * super().forward(x)


def adapter(mixer):
    if hasattr(mixer, 'proj'):  # a SpectralMixer has no linear layer
        louder = Louder(mixer.proj.in_features, mixer.proj.out_features)
        louder.load_state_dict(mixer.proj.state_dict())
        mixer.proj = louder


def hook(mixer):
    for part in (mixer, *(each for each in mixer.modules() if isinstance(each, SpectralFilter))):
        part.register_forward_hook(lambda module, inputs, y: 1000 * y)


@torch.no_grad()
@pytest.mark.parametrize('change', [adapter, hook])
@pytest.mark.parametrize('name', ['hamsa', 'heracles-cosine-2'])
def test_what_is_attached_acts_as_before(name, change):
    """The routes that read weights would pass over it without a word."""
    plain, changed, x = trained(name), trained(name), torch.randn(1, 3, *SIZE)
    for module in [m for m in changed.modules() if isinstance(m, HSS | SpectralMixer | Attention)]:
        change(module)
    fast = optimize_for_inference(changed, x)
    torch.testing.assert_close(fast(x), changed(x), rtol=1e-5, atol=1e-5)
    assert (changed(x)[-1] - plain(x)[-1]).abs().max() > 0.01


@torch.no_grad()
@pytest.mark.parametrize('name', ['hamsa', 'hamsa-grid-real', 'heracles-cosine-2'])
def test_what_does_not_change_is_not_computed_again(name, monkeypatch):
    """No spectrum of a kernel, no filter moved to another grid, in any pass."""
    x = torch.randn(1, 3, *SIZE)
    fast = optimize_for_inference(trained(name), x)
    for kind, method in ((SASS, 'weights'), (SpectralFilter, 'weight_on')):
        monkeypatch.delattr(kind, method)
    fast(x)
    with pytest.raises(AttributeError, match='weight'):
        fast(torch.randn(1, 3, 32, 32))


@torch.no_grad()
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_cast_once_it_is_as_close_as_autocast(backbone, dtype):
    """Maps come in the dtype of the pictures."""
    x = torch.randn(2, 3, *SIZE)
    exact = copy.deepcopy(backbone).double()(x.double())
    with torch.autocast('cpu', dtype=dtype):
        cast_often = backbone(x)
    fast = optimize_for_inference(backbone, x, dtype=dtype)
    weights = [m.weight for m in fast.modules() if type(m) in (nn.Linear, nn.Conv2d)]
    assert {weight.dtype for weight in weights} == {dtype}
    for found, other, expected in zip(fast(x), cast_often, exact, strict=True):
        assert found.dtype == torch.float32
        assert (found - expected).norm() < 1.5 * (other - expected).norm()


def test_it_refuses_to_train(backbone):
    fast = optimize_for_inference(backbone)
    assert fast.eval() is fast
    assert not any(parameter.requires_grad for parameter in fast.parameters())
    with pytest.raises(UsageError, match='came from optimize_for_inference and cannot be trained'):
        nn.Sequential(fast).train()
    backbone.train()


@torch.no_grad()
@pytest.mark.parametrize('name', ['hamsa', 'heracles-cosine-2'])
def test_compiled_it_is_one_graph_with_the_same_maps(name, monkeypatch):
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph

    compiled = partial(torch.compile, backend=backend, fullgraph=True)
    monkeypatch.setattr(torch, 'compile', compiled)
    backbone, x = trained(name), torch.randn(2, 3, *SIZE)
    fast = optimize_for_inference(backbone, x, compile=True)
    for _ in range(2):
        torch.testing.assert_close(fast(x), backbone(x), rtol=1e-5, atol=1e-5)
    assert len(graphs) == 1


@torch.no_grad()
@pytest.mark.parametrize(
    'config',
    [
        'mask_rcnn_hamsa_nano_scenes',
        'upernet_heracles_nano_scenes',
        'heracles_nano_tokenlabel_pictures',
    ],
)
@pytest.mark.parametrize('dtype', [None, torch.bfloat16])
def test_whole_models_by_their_backbone(config, dtype):
    """Their heads see maps of the dtype that they saw before."""
    pytest.importorskip('mmdet')
    from mmengine.config import Config
    from mmengine.registry import MODELS, DefaultScope

    from heracles_mm import config_path

    cfg = Config.fromfile(config_path(config))
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model).eval()
    x = torch.randn(1, 3, *SIZE)
    fast = optimize_for_inference(model, x, dtype=dtype)
    assert type(fast) is type(model)
    tolerance = 1e-5 if dtype is None else 0.1
    found, expected = (each.extract_feat(x) for each in (fast, model))
    for own, plain in zip(found, expected, strict=True):
        assert own.dtype == plain.dtype
        assert (own - plain).norm() <= tolerance * plain.norm()
    with pytest.raises(UsageError, match='cannot be trained'):
        fast.train()


@pytest.mark.parametrize(
    ('model', 'options', 'message'),
    [
        (nn.Linear(2, 2), {}, 'Linear has no Heracles or Hamsa in it'),
        (Heracles, dict(dtype=torch.int8), r'dtype must be one of \[None, torch.float32'),
        (Hamsa, dict(compile='fast'), "compile must be True, False or 'cuda-graph'"),
        (Hamsa, dict(compile='cuda-graph'), 'on an example on a CUDA device'),
    ],
)
def test_what_it_cannot_do(model, options, message):
    model = model if isinstance(model, nn.Module) else model('nano', img_size=32)
    with pytest.raises(UsageError, match=message):
        optimize_for_inference(model, **options)
