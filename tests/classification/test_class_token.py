"""The class token: its block's formula, what it changes, how it meets the backbone's last norm."""

import pytest
import torch
import torch.nn.functional as F
from classifiers import FAMILIES, HEADS, TINY, build, tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpretrain.structures import DataSample
from torch import nn

from heracles_mm.classification import ClassAttentionBlock, ClassSpectralBlock
from heracles_mm.layers.drop_path import DropPath

EVERY_FAMILY = pytest.mark.parametrize('family', FAMILIES)
BLOCKS = {
    'attention': lambda: ClassAttentionBlock(64),
    'spectral': lambda: ClassSpectralBlock(64, grid=(3, 5)),
    'spectral-grid-real': lambda: ClassSpectralBlock(64, (3, 5), fft_axes='grid', kernel='real'),
}


def random_block(name: str) -> nn.Module:
    """In float64, with weights large enough that every term shows."""
    block = BLOCKS[name]().double()
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=0.3)
    return block


def layer_norm(x: torch.Tensor, norm: nn.LayerNorm) -> torch.Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return (
        centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt() * norm.weight + norm.bias
    )


def feed_forward(x: torch.Tensor, block: nn.Module) -> torch.Tensor:
    hidden = x @ block.ffn.fc1.weight.T + block.ffn.fc1.bias
    gelu = hidden * (1 + torch.erf(hidden / 2**0.5)) / 2
    return gelu @ block.ffn.fc2.weight.T + block.ffn.fc2.bias


def test_class_attention_is_upstreams_formula():
    """Token and patches in one sequence; the query from the token alone; softmax head by head."""
    block = random_block('attention')
    x = torch.randn(2, 64, 3, 5, dtype=torch.float64)
    patches = x.flatten(2).mT  # (B, 15, 64)
    tokens = torch.cat((patches.mean(1, keepdim=True), patches), dim=1)
    normed = layer_norm(tokens, block.norm1)
    q, (k, v) = block.mixer.q(normed[:, :1]), block.mixer.kv(normed).split(64, dim=-1)
    heads = []
    for head in (slice(0, 32), slice(32, 64)):
        scores = (q[..., head] * 32**-0.5) @ k[..., head].mT  # (B, 1, 16)
        heads.append(scores.softmax(-1) @ v[..., head])
    token = tokens[:, 0] + block.mixer.proj(torch.cat(heads, -1))[:, 0]
    expected = token + feed_forward(layer_norm(token, block.norm2), block)
    torch.testing.assert_close(block(x), expected, rtol=0, atol=1e-10)


def test_the_spectral_class_block_is_the_mean_of_an_hss():
    """With every bin and complex numbers: tests/backbones/test_hamsa.py has the same HSS."""
    block = random_block('spectral')
    x = torch.randn(2, 64, 3, 5, dtype=torch.float64)
    patches = x.flatten(2).mT
    hss, normed = block.mixer.hss, layer_norm(patches, block.norm1)
    u, v = F.silu(hss.uv(normed)).split(64, dim=-1)
    spectrum = torch.fft.fft(v, dim=1, norm='ortho')
    gate = hss.sass.pulse.gate
    spectrum = spectrum * torch.sigmoid(spectrum.abs() @ gate.weight.T + gate.bias)
    psi = hss.sass.kernel.weight.flatten(2).mT  # (2, 15, 64)
    y = torch.fft.fft(torch.complex(psi[0], psi[1]), dim=0) * spectrum
    w1 = torch.complex(*hss.sass.sagu.w1)
    z = (y @ w1) * torch.sigmoid(y.abs() @ hss.sass.sagu.w2)
    mixed = torch.fft.ifft(z, dim=1, norm='ortho').real
    token = patches.mean(1) + hss.proj(u * mixed).mean(1)
    expected = token + feed_forward(layer_norm(token, block.norm2), block)
    torch.testing.assert_close(block(x), expected, rtol=0, atol=1e-10)


def test_class_attention_knows_no_order():
    """A mean and an attention without positions: shuffled patches teach the token the same."""
    block = random_block('attention')
    x = torch.randn(2, 64, 3, 5, dtype=torch.float64)
    shuffled = x.flatten(2)[..., torch.randperm(15)].reshape(x.shape)
    torch.testing.assert_close(block(shuffled), block(x))


def test_the_spectral_class_block_knows_no_beginning():
    """An HSS commutes with circular shifts of its sequence, so the mean after it does not see
    them; but it sees a shuffle."""
    block = random_block('spectral')
    x = torch.randn(2, 64, 3, 5, dtype=torch.float64)
    tokens = x.flatten(2)
    rolled = tokens.roll(4, -1).reshape(x.shape)
    torch.testing.assert_close(block(rolled), block(x))
    order = torch.tensor([1, 0, *range(2, 15)])
    assert not torch.allclose(block(tokens[..., order].reshape(x.shape)), block(x))


@pytest.mark.parametrize('name', BLOCKS)
@settings(max_examples=10)
@given(height=st.integers(1, 12), width=st.integers(1, 12), batch=st.integers(0, 2))
def test_any_map_gives_one_token_and_stays_as_it_is(name, height, width, batch):
    block, x = BLOCKS[name](), torch.randn(batch, 64, height, width)
    before = x.clone()
    with torch.no_grad():
        token = block(x)
    assert token.shape == (batch, 64)
    assert token.isfinite().all()
    assert torch.equal(x, before)


@pytest.mark.parametrize('name', BLOCKS)
def test_every_parameter_of_a_class_block_learns(name):
    block = BLOCKS[name]()
    block(torch.randn(2, 64, 3, 5)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in block.parameters())


@pytest.mark.parametrize('name', BLOCKS)
def test_a_class_block_starts_as_upstreams(name):
    """Truncated normal of 0.02, no bias."""
    block = BLOCKS[name]()
    assert block.ffn.fc1.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not block.ffn.fc1.bias.any()
    assert torch.equal(block.norm1.weight, torch.ones(64))


def test_a_wrong_head_width_is_refused():
    with pytest.raises(ValueError, match='heads of 32, got 40 channels'):
        ClassAttentionBlock(40)


@EVERY_FAMILY
def test_token_and_patches_go_through_the_backbones_last_norm(family):
    """The token reads the map before that norm; the patches are the backbone's own last map."""
    model, x = tiny(family).eval(), torch.randn(2, 3, 64, 96)
    nn.init.normal_(model.backbone.last_norm.weight)
    seen = []
    model.neck.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    patches, token = model.extract_feat(x)
    torch.testing.assert_close(patches.permute(0, 3, 1, 2), model.backbone(x)[-1])
    raw = seen[0].permute(0, 2, 3, 1)
    torch.testing.assert_close(layer_norm(raw, model.backbone.last_norm), patches)
    torch.testing.assert_close(layer_norm(model.neck(seen[0]), model.backbone.last_norm), token)


@EVERY_FAMILY
def test_a_dense_model_finds_the_whole_backbone_by_its_prefix(family):
    """The last norm among it, and nothing of the class block."""
    state = tiny(family).state_dict()
    part = {k.removeprefix('backbone.'): v for k, v in state.items() if k.startswith('backbone.')}
    backbone = build(dict(type=family, arch=TINY, img_size=64))
    backbone.load_state_dict(part, strict=True)
    assert {k.split('.')[0] for k in state} == {'backbone', 'neck', 'head'}


@EVERY_FAMILY
def test_mmpretrains_stages_of_feature_extraction(family):
    model, x = tiny(family).eval(), torch.randn(2, 3, 64, 64)
    (last,) = model.extract_feat(x, stage='backbone')
    patches, token = model.extract_feat(x, stage='neck')
    assert last.shape == (2, 64, 2, 2)
    assert patches.shape == (2, 2, 2, 64)
    assert torch.equal(model.extract_feat(x, stage='pre_logits'), token)
    torch.testing.assert_close(model(x), model.head.fc(token))


@EVERY_FAMILY
def test_a_prediction_adds_half_of_the_best_patch(family):
    """Per class: head(token) + 0.5 * max over the patches of aux(patch)."""
    model, x = tiny(family, 'TokenLabelHead').double().eval(), torch.randn(2, 3, 64, 96).double()
    nn.init.normal_(model.head.aux.weight)
    patches, token = model.extract_feat(x)
    aux = patches.reshape(2, 6, 64) @ model.head.aux.weight.T + model.head.aux.bias  # (B, 6, 5)
    expected = token @ model.head.fc.weight.T + model.head.fc.bias
    for sample in range(2):
        for kind in range(5):
            expected[sample, kind] += 0.5 * max(aux[sample, patch, kind] for patch in range(6))
    torch.testing.assert_close(model(x), expected)


@EVERY_FAMILY
@pytest.mark.parametrize('head', HEADS)
def test_data_samples_in_predictions_out(family, head):
    model = tiny(family, head).eval()
    samples = [DataSample().set_gt_label(label) for label in (1, 4)]
    batch = model.data_preprocessor(
        dict(inputs=torch.randint(256, (2, 3, 64, 64), dtype=torch.uint8), data_samples=samples)
    )
    with torch.no_grad():
        results = model(**batch, mode='predict')
    for result, label in zip(results, (1, 4), strict=True):
        assert result.gt_label.item() == label
        assert result.pred_score.sum().item() == pytest.approx(1)
        assert result.pred_label.item() == result.pred_score.argmax()


@EVERY_FAMILY
def test_its_loss_reaches_every_parameter(family):
    """DistributedDataParallel refuses parameters without a gradient."""
    model = tiny(family).train()
    for module in model.modules():
        if isinstance(module, DropPath):
            module.rate = 0  # a branch that is dropped for both pictures has none
    samples = [DataSample().set_gt_label(label) for label in (1, 4)]
    losses = model(torch.randn(2, 3, 64, 64), samples, mode='loss')
    losses['loss'].backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]


@EVERY_FAMILY
@pytest.mark.parametrize('head', HEADS)
def test_half_precision_autocast_is_finite_forward_and_backward(family, head):
    model = tiny(family, head)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        logits = model(torch.randn(2, 3, 64, 64))
        logits.float().square().sum().backward()
    assert logits.isfinite().all()
    assert all(p.grad.isfinite().all() for p in model.parameters())


@EVERY_FAMILY
def test_layer_depth_is_asked_of_the_backbone(family):
    """mmpretrain's layer-wise decay: the class block and the head have the last depth."""
    model = tiny(family)
    depth, count = model.get_layer_depth('backbone.stages.1.blocks.0.norm1.weight')
    assert (depth, count) == (2, 6)
    assert model.get_layer_depth('neck.norm1.weight') == (5, 6)
    assert model.get_layer_depth('backbone.stages.3.norm.weight') == (5, 6)


@EVERY_FAMILY
def test_mmpretrains_own_classifier_takes_the_backbone_too(family):
    """Without a class token: global average pooling and a linear head."""
    model = build(
        dict(
            type='ImageClassifier',
            backbone=dict(type=family, arch=TINY, img_size=64, out_indices=(3,)),
            neck=dict(type='GlobalAveragePooling'),
            head=dict(type='LinearClsHead', num_classes=5, in_channels=64),
        )
    )
    x = torch.randn(2, 3, 64, 64)
    pooled = model.eval().backbone(x)[-1].mean((-2, -1))
    torch.testing.assert_close(model(x), pooled @ model.head.fc.weight.T + model.head.fc.bias)


def test_exports_as_one_graph():
    """Token, auxiliary head and maximum included, at a size the filters were not made for."""
    model = tiny('Heracles', 'TokenLabelHead').eval()
    x = torch.randn(1, 3, 70, 90)
    exported = torch.export.export(model, (x,)).module()
    torch.testing.assert_close(exported(x), model(x), rtol=1e-4, atol=1e-4)


def test_checkpointing_reaches_the_classifier_too():
    """The same numbers with recomputed blocks."""
    plain, saving = tiny('Heracles'), tiny('Heracles', with_cp=True)
    saving.load_state_dict(plain.state_dict())
    x = torch.randn(2, 3, 64, 64)
    results = []
    for model in (plain, saving):
        torch.manual_seed(0)
        model.train()(x).square().sum().backward()
        results.append([p.grad for p in model.parameters()])
    torch.testing.assert_close(*results)


@EVERY_FAMILY
@pytest.mark.parametrize('mode', ['tensor', 'loss', 'predict'])
def test_the_classifier_calls_its_backbone(family, mode):
    """So hooks fire, and a compiled or wrapped backbone is used."""
    model, seen = tiny(family), []
    model.backbone.register_forward_hook(lambda _m, args, _out: seen.append(args[0].shape))
    x = torch.randn(2, 3, 64, 64)
    model(x, [DataSample().set_gt_label(0) for _ in x], mode=mode)
    assert seen == [x.shape]


@EVERY_FAMILY
def test_the_last_stage_may_be_counted_from_the_end(family):
    backbone = dict(type=family, arch=TINY, img_size=64, out_indices=(-1,))
    head = dict(type='LinearClsHead', num_classes=5, in_channels=64)
    parts = dict(backbone=backbone, neck=FAMILIES[family], head=head)
    model = build(dict(type='ClassTokenClassifier', **parts))
    assert model(torch.randn(1, 3, 64, 64)).shape == (1, 5)


@EVERY_FAMILY
def test_a_backbone_without_its_last_stage_is_refused(family):
    backbone = dict(type=family, arch=TINY, out_indices=(0, 1))
    head = dict(type='LinearClsHead', num_classes=5, in_channels=32)
    with pytest.raises(ValueError, match=r'out_indices must hold 3, got \(0, 1\)'):
        build(dict(type='ClassTokenClassifier', backbone=backbone, head=head))
