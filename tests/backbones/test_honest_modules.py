"""Tools act on modules by calling them, replacing them and writing to their weights: whatever route
is faster, each act does what it does to the plain formula, at small and at large sizes."""

import copy
import pickle
import re
from functools import partial
from pathlib import Path

import pytest
import torch
from backbones import TINY
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import parametrize, prune

from heracles_mm import Hamsa, Heracles
from heracles_mm.backbones import pyramid
from heracles_mm.layers import banded_ffn
from heracles_mm.spectral import fused_bins
from heracles_mm.spectral.eager import AsMade

FAMILIES = {
    'cosine': partial(Heracles, TINY, spectral_stages=2),
    'hartley': partial(Heracles, TINY, spectral_stages=2, transform='hartley'),
    'hamsa': partial(Hamsa, TINY),
    'hamsa-real': partial(Hamsa, TINY, kernel='real'),
}


@pytest.fixture(params=FAMILIES)
def backbone(request):
    torch.manual_seed(0)
    made = FAMILIES[request.param](drop_path_rate=0.0)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return made.eval().double()


@pytest.fixture(params=['small', 'large'])
def x(request, monkeypatch):
    """Three pictures; large ones are those for which every route is taken."""
    if request.param == 'large':
        monkeypatch.setattr(banded_ffn, 'BAND_BYTES', 100)
        monkeypatch.setattr(pyramid, 'GROUP_BYTES', 100)
        monkeypatch.setattr(fused_bins, 'CHUNK', 100)
    return torch.randn(3, 3, 64, 40, generator=torch.Generator().manual_seed(1)).double()


def plainly(monkeypatch, function):
    """What ``function`` gives where no route is ever taken."""
    with monkeypatch.context() as patch:
        patch.setattr(AsMade, 'is_as_made', lambda self: False)
        return function()


def maps(backbone, x, grad):
    with torch.set_grad_enabled(grad):
        return [each.detach() for each in backbone(x)]


def layers_of(backbone):
    """One of each kind of module and place, by name."""
    return {
        name: module
        for name, module in backbone.named_modules()
        if name.startswith(('stages.0', 'stages.3')) and name
    }


# ---- acts: each changes a backbone in place


class LowRank(nn.Module):
    """What an adapter puts in the place of a Linear."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.down = nn.Linear(layer.in_features, 2, bias=False)
        self.up = nn.Linear(2, layer.out_features, bias=False)

    def forward(self, x):
        return self.layer(x) + self.up(self.down(x))


class Doubled(nn.Module):
    def forward(self, weight):
        return 2 * weight


def replace(backbone, kind, made):
    for name, module in list(backbone.named_modules()):
        if type(module) is kind:
            backbone.set_submodule(name, made(module))


def with_bias(conv):
    made = copy.deepcopy(conv)
    made.bias = nn.Parameter(torch.rand(conv.out_channels))
    return made


def each_weight(backbone, act):
    for module in list(backbone.modules()):
        if isinstance(module, nn.Linear | nn.Conv2d):
            act(module)


ACTS = {
    'adapters': lambda b: replace(b, nn.Linear, LowRank),
    'another activation': lambda b: replace(b, nn.GELU, lambda _: nn.ReLU()),
    'tanh GELU': lambda b: replace(b, nn.GELU, lambda _: nn.GELU('tanh')),
    'an activation after the stem': lambda b: replace(b, nn.ReLU, lambda _: nn.SiLU()),
    'GroupNorm': lambda b: replace(b, nn.BatchNorm2d, lambda n: nn.GroupNorm(2, n.num_features)),
    'BatchNorm without affine': lambda b: replace(
        b, nn.BatchNorm2d, lambda n: nn.BatchNorm2d(n.num_features, affine=False).eval()
    ),
    'convolutions with bias': lambda b: replace(b, nn.Conv2d, with_bias),
    'layers without bias': lambda b: replace(
        b, nn.Linear, lambda old: nn.Linear(old.in_features, old.out_features, bias=False)
    ),
    'parametrizations': lambda b: each_weight(
        b, lambda m: parametrize.register_parametrization(m, 'weight', Doubled())
    ),
    'pruning': lambda b: each_weight(b, lambda m: prune.l1_unstructured(m, 'weight', amount=0.5)),
    'weights written through data': lambda b: [p.data.mul_(1.5) for p in b.parameters()],
    'a forward of its own': lambda b: [
        setattr(m, 'forward', lambda x, f=m.forward: 2 * f(x))
        for m in b.modules()
        if isinstance(m, nn.Linear | nn.ReLU)
    ],
    'hooks that change outputs': lambda b: [
        m.register_forward_hook(lambda _m, _in, out: 1.5 * out)
        for m in b.modules()
        if isinstance(m, nn.Linear | nn.GELU | nn.ReLU | nn.Conv2d | nn.LayerNorm)
    ],
    'hooks that change inputs': lambda b: [
        m.register_forward_pre_hook(lambda _m, args: (args[0] + 0.1,))
        for m in b.modules()
        if isinstance(m, nn.Linear | nn.GELU | nn.ReLU)
    ],
}


@pytest.mark.parametrize('grad', [False, True])
def test_without_an_act_it_is_the_plain_formula(backbone, x, grad, monkeypatch):
    found = maps(backbone, x, grad)
    torch.testing.assert_close(found, plainly(monkeypatch, lambda: maps(backbone, x, grad)))


@pytest.mark.parametrize('grad', [False, True])
@pytest.mark.parametrize('act', ACTS)
@pytest.mark.parametrize('backbone', ['cosine', 'hamsa', 'hamsa-real'], indirect=True)
def test_an_act_does_what_it_does_to_the_plain_formula(backbone, x, act, grad, monkeypatch):
    """The modules of Hartley are those of the cosine."""
    before = maps(backbone, x, grad)
    torch.manual_seed(2)
    ACTS[act](backbone)
    backbone.double()
    after = maps(backbone, x, grad)
    torch.testing.assert_close(after, plainly(monkeypatch, lambda: maps(backbone, x, grad)))
    assert not torch.allclose(after[-1], before[-1], atol=1e-6)


def test_dynamic_quantisation_acts_at_every_size(backbone, x, monkeypatch):
    if not torch.backends.quantized.supported_engines:
        pytest.skip('this torch was built without quantised operators')
    backbone, x = backbone.float(), x.float()
    small = torch.ao.quantization.quantize_dynamic(backbone, {nn.Linear}, dtype=torch.qint8)
    own, plain = (
        maps(small, x, grad=False)[-1],
        plainly(monkeypatch, lambda: maps(small, x, grad=False))[-1],
    )
    # A last digit may round to the next of 256 steps.
    assert (own - plain).norm() < 0.01 * plain.norm()
    assert not torch.equal(own, maps(backbone, x, grad=False)[-1])


@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize('grad', [False, True])
def test_hooks_fire_once_on_the_whole_batch(backbone, x, training, grad):
    """Forward hooks of every module, and the global one, which all modules have."""
    seen, everywhere = [], []
    backbone.train(training)
    names = {module: name for name, module in backbone.named_modules()}
    handles = [
        module.register_forward_hook(lambda m, args, out: seen.append((names[m], args)))
        for module in backbone.modules()
    ]
    maps(backbone, x, grad)
    for handle in handles:
        handle.remove()
    handle = nn.modules.module.register_module_forward_hook(
        lambda m, args, out: everywhere.append(names[m])
    )
    maps(backbone, x, grad)
    handle.remove()
    called = sorted(name for name, _ in seen)
    leaves = {n for n, m in backbone.named_modules() if not isinstance(m, nn.ModuleList)}
    assert called == sorted(everywhere)
    assert set(called) == leaves
    most = {name: called.count(name) for name in called if 'drop_path' not in name}
    assert set(most.values()) == {1}
    for name, args in seen:
        tensors = [each for each in args if isinstance(each, torch.Tensor)]
        assert all(len(each) in (len(x), 1, 2) for each in tensors), name
        if name.startswith('stages.0.blocks.0.ffn'):
            assert len(tensors[0]) == len(x)


def test_backward_hooks_see_every_module(backbone, x):
    seen = set()
    for name, module in backbone.named_modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.GELU | nn.LayerNorm):
            module.register_full_backward_hook(lambda m, i, o, name=name: seen.add(name))
    sum(each.sum() for each in backbone(x.requires_grad_())).backward()
    kinds = nn.Linear | nn.Conv2d | nn.GELU | nn.LayerNorm
    assert seen == {name for name, m in backbone.named_modules() if isinstance(m, kinds)}


@pytest.mark.parametrize('twin', [copy.deepcopy, lambda b: pickle.loads(pickle.dumps(b))])
def test_a_copy_is_a_model_of_its_own(backbone, x, twin):
    expected = maps(backbone, x, grad=False)
    copied = twin(backbone)
    assert all(torch.equal(a, b) for a, b in zip(maps(copied, x, grad=False), expected))
    for parameter in copied.parameters():
        parameter.data.add_(0.1)
    assert not torch.equal(maps(copied, x, grad=False)[-1], expected[-1])
    assert all(torch.equal(a, b) for a, b in zip(maps(backbone, x, grad=False), expected))


def test_torch_func_differentiates_maps_and_replaces_parameters(backbone, x):
    values = {name: p.detach() for name, p in backbone.named_parameters()}

    def loss(values, x):
        return sum(m.square().mean() for m in torch.func.functional_call(backbone, values, (x,)))

    gradients = torch.func.grad(loss)(values, x)
    expected = torch.autograd.grad(
        sum(each.square().mean() for each in backbone(x)), list(backbone.parameters())
    )
    for (name, gradient), reference in zip(gradients.items(), expected):
        torch.testing.assert_close(gradient, reference, msg=name)
    each = torch.func.vmap(lambda one: loss(values, one[None]))(x)
    torch.testing.assert_close(each, torch.stack([loss(values, one[None]) for one in x]))


def test_a_gradient_is_differentiated_again(backbone, x, monkeypatch):
    """As gradient penalties do; torch's fast attention has no second derivative of its own."""

    def penalty():
        leaf = x.clone().requires_grad_()
        loss = sum(each.square().sum() for each in backbone(leaf))
        (gradient,) = torch.autograd.grad(loss, leaf, create_graph=True)
        return torch.autograd.grad(gradient.square().sum(), list(backbone.parameters()))

    with sdpa_kernel(SDPBackend.MATH):
        own, plain = penalty(), plainly(monkeypatch, penalty)
    for gradient, reference in zip(own, plain):
        torch.testing.assert_close(gradient, reference)


# ---- the tools themselves


@pytest.mark.parametrize('large', [False, True])
@pytest.mark.parametrize('name', ['cosine', 'hamsa'])
def test_peft_adapts_every_layer_at_every_size(name, large, monkeypatch):
    """LoRA changes the output, trains, and is the same model after its merge."""
    peft = pytest.importorskip('peft', reason='needs that library')
    torch.manual_seed(0)
    backbone = FAMILIES[name](drop_path_rate=0.0).eval()
    original = copy.deepcopy(backbone)
    targets = ['fc1', 'fc2', 'proj', *(['uv'] if name == 'hamsa' else ['q', 'kv'])]
    config = peft.LoraConfig(r=2, target_modules=targets, init_lora_weights=False)
    model = peft.get_peft_model(backbone, config).eval()
    x = torch.randn(2, 3, *((512, 512) if large else (64, 64)))
    with torch.no_grad():
        after = model(x)
        assert all((m - o).norm() > 0.1 * o.norm() for m, o in zip(after, original(x)))
    sum(m.square().mean() for m in model(x)).backward()
    adapters = [p for p in model.parameters() if p.requires_grad]
    assert adapters
    assert all(p.grad is not None for p in adapters)
    torch.optim.SGD(adapters, lr=0.1).step()
    with torch.no_grad():
        trained = model(x)
        assert not torch.allclose(trained[-1], after[-1])
        torch.testing.assert_close(model.merge_and_unload()(x), trained, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize('layer', ['stages[3].norm', 'stages[2].embed.proj', 'stages[0].embed'])
def test_grad_cam_as_the_document_shows_it(layer):
    """The heat map of a linear model of the last map is known: its channels by their weights."""
    grad_cam = pytest.importorskip('pytorch_grad_cam', reason='needs that library')
    text = (Path(__file__).parents[2] / 'docs/own_configs.md').read_text()
    (code,) = re.findall(r'```python\n(from pytorch_grad_cam .+?)```', text, re.DOTALL)
    torch.manual_seed(0)
    backbone = FAMILIES['cosine'](out_indices=-1)
    fc = nn.Linear(64, 2)

    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone, self.fc = backbone, fc

        def forward(self, x):
            return self.fc(self.backbone(x)[0].mean((2, 3)))

    pictures = torch.randn(1, 3, 128, 96)
    names = dict(model=Classifier().eval(), pictures=pictures)
    assert 'model.backbone.stages[3].norm' in code
    if layer == 'stages[2].embed.proj':  # a convolution
        code = code.replace('reshape_transform=channels_first', '')
    exec(code.replace('stages[3].norm', layer), names)
    heat = names['heat']
    assert heat.shape == (128, 96)
    if layer == 'stages[3].norm':
        last = backbone(pictures)[0][0]  # (64, 4, 3)
        expected = (fc.weight[0].view(-1, 1, 1) * last).sum(0).relu().detach().numpy()
        expected = grad_cam.utils.image.scale_cam_image(expected[None], (96, 128))[0]
        assert abs(heat - expected).max() < 1e-3
