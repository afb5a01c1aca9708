"""What every backbone promises, whatever its mixer."""

import copy
import math

import numpy as np
import pytest
import torch
from backbones import BACKBONES, TINY, tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import load_checkpoint
from torch import nn

from heracles_mm.backbones import pyramid
from heracles_mm.errors import CheckpointError

pytestmark = pytest.mark.parametrize('name', BACKBONES)


def test_is_registered_once_in_the_root_registry(name):
    """The registries of mmdet, mmseg and mmpretrain fall back to the root: one entry serves all."""
    backbone, variant = BACKBONES[name]
    assert MODELS.get(backbone.__name__) is backbone
    built = MODELS.build(dict(type=backbone.__name__, arch=TINY, **variant))
    assert type(built) is backbone


@pytest.mark.parametrize('scope', ['mmdet', 'mmseg', 'mmpretrain'])
def test_is_found_from_each_library(name, scope):
    registry = pytest.importorskip(f'{scope}.registry').MODELS
    backbone, variant = BACKBONES[name]
    with DefaultScope.overwrite_default_scope(scope):
        built = registry.build(dict(type=backbone.__name__, arch=TINY, **variant))
    assert type(built) is backbone


@settings(max_examples=8)
@given(height=st.integers(1, 150), width=st.integers(1, 150), batch=st.integers(1, 2))
def test_maps_of_any_size(name, height, width, batch):
    """Strides 4 to 32 rounded up, at any size: one position is left of a single pixel."""
    backbone = tiny(name).eval()
    with torch.no_grad():
        maps = backbone(torch.randn(batch, 3, height, width))
    sides = [(math.ceil(height / s), math.ceil(width / s)) for s in (4, 8, 16, 32)]
    assert [tuple(m.shape) for m in maps] == [
        (batch, dim, *side) for dim, side in zip(TINY['embed_dims'], sides, strict=True)
    ]
    assert all(m.isfinite().all() and m.is_contiguous() for m in maps)


def test_a_large_batch_in_groups_is_each_picture_alone(name, monkeypatch):
    """In inference a stage takes as many pictures at a time as the cache holds."""
    backbone, x = tiny(name).double().eval(), torch.randn(5, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        whole = backbone(x)
        for size in (1, 20000):
            monkeypatch.setattr(pyramid, 'GROUP_BYTES', size)
            torch.testing.assert_close(backbone(x), whole)


@pytest.mark.parametrize('size', [(64, 64), (32, 320)])
def test_an_empty_batch_gives_empty_maps(name, size):
    backbone = tiny(name).eval()
    maps, others = (backbone(torch.zeros(count, 3, *size)) for count in (0, 1))
    assert [m.shape for m in maps] == [(0, *m.shape[1:]) for m in others]


def test_every_parameter_gets_a_gradient(name):
    """DistributedDataParallel refuses parameters without one."""
    backbone = tiny(name)
    sum(m.square().sum() for m in backbone(torch.randn(2, 3, 64, 64))).backward()
    missing = [n for n, p in backbone.named_parameters() if p.grad is None]
    assert not missing
    assert all(p.grad.isfinite().all() for p in backbone.parameters())


@pytest.mark.parametrize('out_indices', [(0,), (1, 3), (2,)])
def test_returns_and_builds_no_more_than_was_asked_for(name, out_indices):
    whole, part = tiny(name).eval(), tiny(name, out_indices=out_indices)
    part.load_state_dict(whole.state_dict(), strict=False)
    part.eval()
    x = torch.randn(1, 3, 64, 64)
    for index, result in zip(out_indices, part(x), strict=True):
        torch.testing.assert_close(result, whole(x)[index])
    assert part.out_channels == tuple(TINY['embed_dims'][i] for i in out_indices)
    assert part.strides == tuple(4 * 2**i for i in out_indices)
    assert part.num_features == part.out_channels[-1]
    from_the_end = tiny(name, out_indices=[i - 4 for i in out_indices])
    assert from_the_end.out_indices == part.out_indices == out_indices
    part.train()
    sum(m.sum() for m in part(torch.randn(2, 3, 64, 64))).backward()
    assert all(p.grad is not None for p in part.parameters())


@pytest.mark.parametrize('out_indices', [(0, 3), (1,)])
def test_forward_gives_tokens_to_change_and_the_map_before_its_norm(name, out_indices):
    """Where MixToken works, and what a class token reads."""
    backbone = tiny(name, out_indices=out_indices).eval()
    nn.init.normal_(backbone.last_norm.weight)
    x = torch.randn(2, 3, 64, 90)
    seen = []
    expected, same = backbone(x), backbone(x, change_tokens=lambda t: seen.append(t) or t)
    assert seen[0].shape == (2, 16, 23, TINY['embed_dims'][0])
    torch.testing.assert_close(same, expected, rtol=0, atol=0)
    flipped = backbone(x, change_tokens=lambda tokens: tokens.flip(0))
    torch.testing.assert_close(flipped[-1], expected[-1].flip(0))
    raw = backbone(x, last_norm=False)
    torch.testing.assert_close(raw[:-1], expected[:-1], rtol=0, atol=0)
    normed = backbone.last_norm(raw[-1].permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    torch.testing.assert_close(normed, expected[-1])


@pytest.mark.parametrize('frozen', range(-1, 5))
def test_frozen_stages(name, frozen):
    """0 freezes the stem, k the stem and the first k stages; freezing outlives train()."""
    backbone = tiny(name, frozen_stages=frozen, drop_path_rate=0.5)
    backbone.train()
    for key, parameter in backbone.named_parameters():
        stage = int(key.split('.')[1])
        stem = key.startswith('stages.0.embed')
        assert parameter.requires_grad == (not (stage < frozen or (stem and frozen >= 0))), key
    for stage, module in enumerate(backbone.stages):
        assert all(m.training == (stage >= frozen) for m in module.blocks.modules())
    before = copy.deepcopy(backbone.state_dict())
    if frozen < 4:
        sum(m.square().sum() for m in backbone(torch.randn(2, 3, 64, 64))).backward()
    trained = [p for p in backbone.parameters() if p.requires_grad]
    torch.optim.SGD(trained or [torch.zeros(1)], lr=0.1).step()
    for key, value in backbone.state_dict().items():
        stage = int(key.split('.')[1])
        if stage < frozen or (frozen == 0 and key.startswith('stages.0.embed')):
            assert torch.equal(value, before[key]), key


@pytest.mark.parametrize('norm_eval', [True, False])
def test_norm_eval_keeps_the_statistics(name, norm_eval):
    backbone = tiny(name, norm_eval=norm_eval).train()
    norm = next(m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d))
    backbone(torch.randn(2, 3, 64, 64))
    assert (norm.num_batches_tracked == 0) == norm_eval


def test_numbers_of_numpy_are_whole_numbers_too(name):
    arch = {key: [*map(np.int64, np.atleast_1d(value))] for key, value in TINY.items()}
    arch['stem_width'] = np.int32(8)
    plain = tiny(name, out_indices=(1, 2), frozen_stages=1, in_channels=4)
    other = tiny(
        name,
        arch=arch,
        img_size=np.array((64, 64)),
        out_indices=np.array([1, -2]),
        frozen_stages=np.int8(1),
        in_channels=np.uint8(4),
    )
    assert repr(other) == repr(plain)
    assert other.arch == plain.arch
    for attribute in ('img_size', 'out_indices', 'frozen_stages', 'in_channels'):
        assert repr(getattr(other, attribute)) == repr(getattr(plain, attribute))


def test_feature_info_describes_the_stages(name):
    """As timm's models have it, for each stage that is built."""
    backbone = tiny(name, out_indices=(0, 2)).eval()
    assert backbone.num_features == TINY['embed_dims'][2]
    x = torch.randn(1, 3, 64, 96)
    maps = backbone(x, out_indices=(0, 1, 2))
    for info, each in zip(backbone.feature_info, maps, strict=True):
        assert each.shape[1:] == (info['num_chs'], 64 // info['reduction'], 96 // info['reduction'])
        assert backbone.get_submodule(info['module']).norm.normalized_shape == (each.shape[1],)
    torch.testing.assert_close(backbone.forward_features(x), maps[-1])
    torch.testing.assert_close(backbone(x, out_indices=(0,)), maps[:1])


@pytest.mark.parametrize('channels', [1, 4])
@pytest.mark.parametrize('road', ['init_cfg', 'strict', 'mmengine'])
def test_weights_of_colours_load_into_any_channels(name, channels, road, tmp_path):
    """Whatever way they come; the report says what was done, and the rest is loaded as it is."""
    source, path = tiny(name), str(tmp_path / 'backbone.pth')
    torch.save(source.state_dict(), path)
    init_cfg = dict(type='Pretrained', checkpoint=path) if road == 'init_cfg' else None
    backbone = tiny(name, in_channels=channels, init_cfg=init_cfg)
    if road == 'init_cfg':
        backbone.init_weights()
    elif road == 'strict':
        backbone.load_state_dict(source.state_dict())
    else:
        load_checkpoint(backbone, path, strict=True)
    how = 'summed over 3' if channels == 1 else 'repeated from 3 to 4'
    assert how in str(backbone.load_report)
    own, stored = backbone.state_dict(), source.state_dict()
    first = own.pop('stages.0.embed.convs.0.weight')
    colours = stored.pop('stages.0.embed.convs.0.weight')
    torch.testing.assert_close(own, stored, rtol=0, atol=0)
    repeated = colours[:, [0, 1, 2, 0]] * 0.75
    expected = colours.sum(1, keepdim=True) if channels == 1 else repeated
    torch.testing.assert_close(first, expected)
    maps = backbone.eval()(torch.randn(1, channels, 64, 64))
    assert all(each.isfinite().all() for each in maps)


def test_channels_that_cannot_be_adapted_stay_another_shape(name):
    with pytest.raises(CheckpointError, match=r'convs\.0\.weight is \(8, 4, 7, 7\) not \(8, 3, 7'):
        tiny(name).load_state_dict(tiny(name, in_channels=4).state_dict())


@pytest.mark.parametrize('frozen', [-1, 0, 1])
@pytest.mark.parametrize(
    'norm_cfg', [dict(type='GN', num_groups=4), dict(type='BN', requires_grad=False)]
)
def test_norms_of_the_stem_are_chosen(name, norm_cfg, frozen):
    """They train, freeze and keep no statistics as their kind does."""
    backbone = tiny(name, norm_cfg=norm_cfg, frozen_stages=frozen, norm_eval=True).train()
    trained = frozen < 0 and norm_cfg.get('requires_grad', True)
    norms = backbone.stages[0].embed.convs[1::3]
    assert all(p.requires_grad == trained for norm in norms for p in norm.parameters())
    assert all(norm.training == (frozen < 0 and norm_cfg['type'] == 'GN') for norm in norms)
    sum(m.square().sum() for m in backbone(torch.randn(2, 3, 64, 64))).backward()
    assert all(p.grad is not None for p in backbone.parameters() if p.requires_grad)


def test_checkpointing_changes_no_number(name):
    """With random depth too: the recomputation repeats the random state."""
    plain, saving = (tiny(name, with_cp=cp, drop_path_rate=0.3) for cp in (False, True))
    saving.load_state_dict(plain.state_dict())
    x = torch.randn(2, 3, 64, 64)
    results = []
    for backbone in (plain, saving):
        torch.manual_seed(0)
        maps = backbone.train()(x)
        sum(m.square().sum() for m in maps).backward()
        results.append((maps, [p.grad for p in backbone.parameters()]))
    torch.testing.assert_close(results[0], results[1])


def test_drop_path_grows_linearly_and_rests_in_eval(name):
    backbone = tiny(name, drop_path_rate=0.4)
    rates = [block.drop_path.rate for stage in backbone.stages for block in stage.blocks]
    assert rates == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    backbone.eval()
    x = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(backbone(x), backbone(x), rtol=0, atol=0)


def test_layer_depth_covers_every_depth_in_order(name):
    """0 the stem, one number a block in the order of computation, the last for what follows."""
    backbone = tiny(name)
    depths = {}
    for key, _ in backbone.named_parameters():
        depth, count = backbone.get_layer_depth('backbone.' + key, 'backbone.')
        assert count == sum(TINY['depths']) + 2
        depths[key] = depth
    assert set(depths.values()) == set(range(count))
    assert list(depths.values()) == sorted(depths.values())  # parameters stand in forward order
    assert depths['stages.0.embed.proj.weight'] == 0
    assert depths['stages.1.blocks.1.ffn.fc1.weight'] == 3
    assert depths['stages.1.norm.weight'] == 3
    assert depths['stages.2.embed.proj.weight'] == depths['stages.2.blocks.0.norm1.weight'] == 4
    assert depths['stages.3.norm.weight'] == count - 1
    assert backbone.get_layer_depth('head.fc.weight', 'backbone.') == (count - 1, count)


def test_state_dict_of_another_img_size_loads(name):
    """Filters are resampled on load; everything else does not depend on the size."""
    old, new = tiny(name, img_size=64), tiny(name, img_size=(96, 128))
    new.load_state_dict(old.state_dict())
    x = torch.randn(1, 3, 96, 128)
    torch.testing.assert_close(new.eval()(x), old.eval()(x), rtol=1e-4, atol=1e-4)


def test_half_precision_autocast_is_finite_forward_and_backward(name):
    backbone = tiny(name)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        maps = backbone(torch.randn(2, 3, 64, 64))
        sum(m.float().square().sum() for m in maps).backward()
    assert all(m.isfinite().all() for m in maps)
    assert all(p.grad.isfinite().all() for p in backbone.parameters())


def test_deterministic(name):
    backbone = tiny(name).eval()
    x = torch.randn(2, 3, 70, 90)
    torch.testing.assert_close(backbone(x), backbone(x), rtol=0, atol=0)
    torch.testing.assert_close(backbone(x)[3][:1], backbone(x[:1])[3], rtol=1e-4, atol=1e-5)


def test_pretrained_init_cfg_loads_by_prefix(name, tmp_path):
    """A classifier's checkpoint serves as a backbone's: mmengine's init_cfg with a prefix."""
    source = tiny(name)
    path = tmp_path / 'classifier.pth'
    torch.save(
        {'state_dict': {f'backbone.{k}': v for k, v in source.state_dict().items()}},
        path,
    )
    backbone = tiny(
        name, init_cfg=dict(type='Pretrained', checkpoint=str(path), prefix='backbone.')
    )
    backbone.init_weights()
    torch.testing.assert_close(dict(backbone.state_dict()), dict(source.state_dict()))


@pytest.mark.parametrize(
    ('picture', 'error', 'message'),
    [
        (torch.zeros(1, 3, 0, 64), ValueError, 'at least 1x1 px, got 0x64'),
        (torch.zeros(64, 64), ValueError, r'shape \(B, 3, H, W\), got \(64, 64\)'),
        (torch.zeros(1, 4, 64, 64), ValueError, r'shape \(B, 3, H, W\), got \(1, 4, 64, 64\)'),
        (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), TypeError, 'floating-point pictures, got'),
        ([1, 2], TypeError, 'expected a tensor'),
    ],
)
def test_a_wrong_picture_is_refused(name, picture, error, message):
    with pytest.raises(error, match=message):
        tiny(name)(picture)


@pytest.mark.parametrize(
    ('options', 'error', 'message'),
    [
        (dict(arch='xl'), ValueError, "unknown arch 'xl': choose one of"),
        (dict(arch=3), TypeError, 'or a dict, got int'),
        (dict(arch=dict(TINY, dephts=1)), TypeError, r"unknown \['dephts'\], allowed are"),
        (dict(arch=dict(stem_width=8)), TypeError, r"\['depths', 'embed_dims'\] missing"),
        (dict(arch=dict(TINY, depths=(1, 1, 1))), ValueError, 'depths needs 4 entries'),
        (dict(arch=dict(TINY, depths=(1, 0, 1, 1))), ValueError, 'depths must be positive'),
        (dict(arch=dict(TINY, embed_dims=(30, 32, 64, 64))), ValueError, 'multiples of 32'),
        (dict(arch=dict(TINY, stem_width=0)), ValueError, 'stem_width must be positive'),
        (dict(arch=dict(TINY, stem_width=8.0)), ValueError, 'stem_width takes whole numbers'),
        (dict(arch=dict(TINY, depths='1111')), ValueError, 'depths takes whole numbers'),
        (dict(out_indices=(0, 4)), ValueError, r'out of \[0, 1, 2, 3\] or, .* got \(0, 4\)'),
        (dict(out_indices=(0, -5)), ValueError, r'from the end, of \[-4, -3, -2, -1\], got'),
        (dict(out_indices=(1, 0)), ValueError, 'increasing stages'),
        (dict(out_indices=(3, -1)), ValueError, 'increasing stages'),
        (dict(out_indices=(False, True)), ValueError, 'increasing stages'),
        (dict(out_indices=None), ValueError, 'increasing stages'),
        (dict(in_channels=0), ValueError, 'in_channels must be a whole number of at least 1'),
        (dict(in_channels=True), ValueError, 'in_channels must be'),
        (dict(in_channels=3.0), ValueError, 'in_channels must be'),
        (dict(norm_cfg=dict(type='LN')), ValueError, "norm_cfg: unknown type 'LN', choose one of"),
        (dict(out_indices=()), ValueError, 'increasing stages'),
        (dict(frozen_stages=5), ValueError, 'frozen_stages must be a whole number from -1 to 4'),
        (dict(frozen_stages='stem'), ValueError, 'frozen_stages must be'),
        (dict(frozen_stages=True), ValueError, 'frozen_stages must be'),
        (dict(img_size=0), ValueError, 'at least 1 px, got 0'),
        (dict(img_size=None), ValueError, 'one or two whole numbers'),
        (dict(img_size=(224, True)), ValueError, 'one or two whole numbers'),
        (dict(img_size=(224, 224, 3)), ValueError, 'one or two whole numbers'),
        (dict(drop_path_rate=1.0), ValueError, r'drop_path_rate must be in \[0, 1\)'),
        (dict(out_indicies=(0,)), TypeError, "'out_indicies', allowed are arch, "),
    ],
)
def test_a_wrong_option_is_refused(name, options, error, message):
    with pytest.raises(error, match=message):
        tiny(name, **options)
