"""Weights never load in silence, in whatever way they come."""

import copy
import pickle

import pytest
import torch
from backbones import BACKBONES, tiny
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mmengine.runner.checkpoint import load_checkpoint, load_state_dict
from torch import nn
from toy_spectral import ToySpectral

from heracles_mm import Heracles
from heracles_mm.checkpoints import CheckpointError, load_weights
from heracles_mm.checkpoints.load_report import LoadReport


def zeroed(model):
    for tensor in model.state_dict().values():
        tensor.zero_()
    return model


def by_torch(model, state, path):
    model.load_state_dict(state)


def by_mmengine(model, state, path):
    load_state_dict(model, state)


def by_file(model, state, path):
    torch.save({'state_dict': state}, path)
    load_checkpoint(model, str(path))


def by_init_cfg(model, state, path):
    torch.save({'state_dict': state}, path)
    model.backbone.init_cfg = dict(type='Pretrained', checkpoint=str(path), prefix='backbone.')
    model.init_weights()


def by_init_cfg_of_the_whole(model, state, path):
    torch.save({'state_dict': state}, path)
    model.init_cfg = dict(type='Pretrained', checkpoint=str(path))
    model.init_weights()


WAYS = [by_torch, by_mmengine, by_file, by_init_cfg, by_init_cfg_of_the_whole]
every_way = pytest.mark.parametrize('way', WAYS)


@every_way
def test_a_whole_load_is_reported_once(way, log, tmp_path):
    source, model = ToySpectral(), zeroed(ToySpectral())
    way(model, source.state_dict(), tmp_path / 'x.pth')
    reports = [message for message in log if message.startswith('Heracles: loaded')]
    count = len(source.backbone.state_dict())
    assert len(reports) == 1
    assert f'loaded {count} of {count} tensors' in reports[0]
    assert 'missing' not in reports[0]
    for key, value in source.backbone.state_dict().items():
        assert torch.equal(model.backbone.state_dict()[key], value)


@every_way
@pytest.mark.parametrize('lost', ['backbone.stages.3.', 'backbone.'])
def test_half_a_backbone_is_an_error_after_a_report(way, lost, log, tmp_path):
    """Of a detector, torch's own strict check raises first, also a RuntimeError."""
    model = ToySpectral()
    state = {key: w for key, w in ToySpectral().state_dict().items() if not key.startswith(lost)}
    with pytest.raises(RuntimeError) as refused:
        way(model, state, tmp_path / 'x.pth')
    if way is not by_torch:
        assert isinstance(refused.value, CheckpointError)
        assert '\n' not in str(refused.value)
        assert 'strict_loading=False' in str(refused.value)
    assert sum('Heracles: loaded' in message for message in log) == 1
    assert any('missing' in message for message in log)


@every_way
def test_strict_loading_false_takes_what_fits(way, log, tmp_path):
    model = zeroed(ToySpectral(strict_loading=False))
    state = {key: w for key, w in ToySpectral().state_dict().items() if 'stages.3' not in key}
    if way is by_torch:
        model.load_state_dict(state, strict=False)
    else:
        way(model, state, tmp_path / 'x.pth')
    assert torch.equal(model.backbone.stages[2].norm.weight, torch.ones(32))
    assert torch.equal(model.backbone.stages[3].norm.weight, torch.zeros(32))
    assert any('missing' in message for message in log)


@pytest.mark.parametrize('prefix', ['', 'backbone.'], ids=['the backbone', 'a model around it'])
def test_torchs_own_strict_false_is_the_users_choice_too(prefix, log):
    model = ToySpectral()
    loaded = model if prefix else model.backbone
    result = loaded.load_state_dict({f'{prefix}stages.0.norm.weight': torch.zeros(32)}, False)
    assert f'{prefix}stages.1.norm.weight' in result.missing_keys
    assert 'loaded 1 of ' in log[0]
    assert not model.backbone.stages[0].norm.weight.any()


def test_torchs_strict_load_of_a_backbone_is_refused_beforehand(log):
    model = zeroed(tiny('heracles-cosine'))
    state = tiny('heracles-cosine').state_dict()
    del state['stages.3.norm.bias']
    with pytest.raises(CheckpointError, match=r'1 missing \(stages.3.norm.bias\)'):
        model.load_state_dict(state)
    assert not any(value.any() for value in model.state_dict().values())


@pytest.mark.parametrize('name', BACKBONES)
def test_what_moves_to_another_grid_is_in_the_report(name, log):
    """Every filter and kernel moves, and nothing else has a size of the picture."""
    small, large = tiny(name, img_size=32), tiny(name, img_size=96)
    large.load_state_dict(small.state_dict())
    same = {key for key, value in small.state_dict().items()}
    moved = {key for key in same if small.state_dict()[key].shape != large.state_dict()[key].shape}
    assert set(large.load_report.resized) == moved
    assert large.load_report.complete
    if moved:
        assert 'resized from 8x8 to 24x24: stages.0' in log[0]


def test_another_arch_is_named_by_its_widths_and_depths():
    with torch.device('meta'):
        small, base = Heracles('s'), Heracles('b')
    message = (
        r'another arch: its stages have widths \(64, 128, 320, 448\) and depths \(3, 4, 6, 3\), '
        r'those of this Heracles have widths \(64, 128, 320, 512\) and depths \(3, 4, 12, 3\)'
    )
    with pytest.raises(CheckpointError, match=message):
        base.load_state_dict(small.state_dict())


@pytest.mark.parametrize(
    ('state', 'message'),
    [
        ({'conv1.weight': torch.zeros(1), 'layer1.0.conv1.weight': torch.zeros(1)}, 'conv1.weight'),
        (
            {'backbone.layer1.0.conv1.weight': torch.zeros(1)},
            'keys look like layer1.0.conv1.weight',
        ),
        ({'model': {'stages.0.norm.weight': torch.zeros(1)}}, "weights stand in its entry 'model'"),
        ({'patch_embed1.conv.0.weight': torch.zeros(1)}, 'upstream Heracles'),
        ({'stages.0.embed.convs.0.weight': torch.zeros(4, 3, 7, 7)}, 'keys look like stages.0'),
        ({}, 'which is empty'),
    ],
)
def test_a_file_of_something_else_is_described_by_its_keys(state, message):
    with pytest.raises(CheckpointError, match=f'none of the .* of Heracles is in .*{message}'):
        load_state_dict(ToySpectral(), state)


def test_a_classifier_given_to_a_bare_backbone_is_answered_with_its_prefix():
    with pytest.raises(CheckpointError, match=r"under the prefix 'backbone\.'"):
        ToySpectral().backbone.load_state_dict(ToySpectral().state_dict())


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_damaged_weights_are_refused_before_any_is_loaded(value):
    state = ToySpectral().backbone.state_dict()
    state['stages.3.norm.weight'] = torch.full((32,), value)
    model = zeroed(ToySpectral()).backbone
    with pytest.raises(CheckpointError, match=r'1 of its tensors hold NaN .* \(stages.3.norm'):
        model.load_state_dict(state)
    assert not any(tensor.any() for tensor in model.state_dict().values())


def test_old_files_without_batch_norm_counters_are_whole():
    """As for torch and mmengine, which fill them in."""
    model = ToySpectral().backbone
    state = {key: w for key, w in model.state_dict().items() if 'batches_tracked' not in key}
    model.load_state_dict(state)
    assert model.load_report.complete


def test_a_copy_and_a_pickle_still_report(log):
    """EMAHook copies models, spawned workers pickle them."""
    model = tiny('heracles-cosine')
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        log.clear()
        other.load_state_dict(model.state_dict())
        assert len(log) == 1
        assert other.load_report.complete
    assert model.load_report is None


KEYS = list(ToySpectral().backbone.state_dict())
FATES = ['dropped', 'renamed', 'of another shape', 'of another grid']


@settings(max_examples=20)
@example({'stages.0.blocks.0.mixer.filter.weight': 'of another shape'})
@given(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(FATES), max_size=5))
def test_the_report_tells_the_truth(fates):
    """A tensor counts as loaded if and only if it holds afterwards what the file held."""
    state = {key: torch.full_like(w, 3) for key, w in ToySpectral().backbone.state_dict().items()}
    for key, fate in fates.items():
        value = state[key]
        if fate == 'dropped':
            del state[key]
        elif fate == 'renamed':
            state[f'{key}_'] = state.pop(key)
        elif fate == 'of another grid' and key.endswith('filter.weight'):
            state[key] = value.new_full((len(value), 5, 3), 3)
        else:
            state[key] = value.new_full((*value.shape, 2), 3)
    model = zeroed(ToySpectral(strict_loading=False).backbone)
    load_state_dict(model, state)
    report, after = model.load_report, model.state_dict()
    threes = {key for key, w in after.items() if torch.allclose(w, torch.full_like(w, 3))}
    assert set(report.loaded) == threes
    assert set(report.missing) == set(report.own) - set(state)
    assert set(report.unexpected) == set(state) - set(after)
    assert sorted([*report.loaded, *report.missing, *report.misshapen]) == sorted(report.own)
    assert report.complete == (report.objection() is None) == (threes == set(report.own))


def test_the_groups_of_a_whole_model_sum_up():
    model = ToySpectral()
    state = {key: w for key, w in model.state_dict().items() if not key.startswith('neck')}
    lines = str(LoadReport.of(model, {**state, 'old_head.fc.weight': torch.zeros(1)})).splitlines()
    assert lines[0].startswith('ToySpectral: loaded ')
    assert [line.split()[0] for line in lines[1:7]] == [
        *(f'backbone.stages.{stage}' for stage in range(4)),
        'neck',
        'head',
    ]
    assert lines[5].split() == ['neck', '0', 'of', '2']
    assert lines[7:] == ['  missing 2: neck.weight, neck.bias', '  not used 1: 1 of old_head']


def test_other_initialisers_come_before_pretrained_weights(tmp_path):
    """mmengine's rule: whatever their order, pretrained weights are not overwritten."""
    source = ToySpectral()
    torch.save(source.state_dict(), tmp_path / 'x.pth')
    pretrained = dict(type='Pretrained', checkpoint=str(tmp_path / 'x.pth'))
    constant = dict(type='Constant', layer=['LayerNorm', 'Linear'], val=5.0)
    model = ToySpectral(init_cfg=None)
    model.backbone.init_cfg = [pretrained, constant]
    model.init_weights()
    assert model.backbone.init_cfg == [pretrained, constant]
    for key, value in source.backbone.state_dict().items():
        assert torch.equal(model.backbone.state_dict()[key], value)


@pytest.mark.parametrize(
    ('channels', 'line'),
    [(1, 'summed over 3 input channels'), (4, 'repeated from 3 to 4 input channels')],
)
def test_input_channels_that_are_adapted_are_in_the_report(channels, line, log):
    source, other = tiny('heracles-cosine'), tiny('heracles-cosine', in_channels=channels)
    load_state_dict(other, source.state_dict())
    assert other.load_report.complete
    assert f'{line}: stages.0.embed.convs.0.weight' in log[0]
    other.load_state_dict(source.state_dict())
    state = {**source.state_dict(), 'stages.0.embed.convs.0.weight': torch.zeros(9, 3, 7, 7)}
    with pytest.raises(CheckpointError, match='1 of another shape'):
        load_state_dict(tiny('heracles-cosine', in_channels=channels), state)


def test_init_weights_stands_in_for_that_of_mmengines_modules(tmp_path, log):
    """In a detector mmengine notes where each parameter came from; a second call is a warning."""
    source = ToySpectral()
    torch.save(source.state_dict(), tmp_path / 'x.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'x.pth'))
    model = ToySpectral(init_cfg=None)
    model.backbone.init_cfg = init_cfg
    model.init_weights()
    assert model.backbone.is_init
    assert not hasattr(model.backbone, '_params_init_info')
    log.clear()
    model.backbone.init_weights()
    assert log == ['init_weights of Heracles has been called more than once.']
    own = tiny('heracles-cosine', init_cfg=init_cfg)
    init_cfg['checkpoint'] = 'another.pth'
    assert own.init_cfg['checkpoint'] != 'another.pth'


def test_load_weights_takes_models_of_anybody(tmp_path, log):
    """The same recognition, report and refusals as for a backbone."""
    source, model = nn.Sequential(nn.Linear(2, 3)), zeroed(nn.Sequential(nn.Linear(2, 3)))
    file = tmp_path / 'x.pth'
    torch.save({'model': {f'module.net.{k}': w for k, w in source.state_dict().items()}}, file)
    report = load_weights(model, file)
    assert report.complete and torch.equal(model[0].weight, source[0].weight)
    assert [text.split(':')[0] for text in log] == [
        f"weights of {file}, under 'net.'",
        'Sequential',
    ]
    zeroed(model)
    for state, message in (
        ({'0.bias': torch.zeros(3)}, r'x.pth: .* 1 missing \(0.weight\)'),
        ({**source.state_dict(), '0.bias': torch.zeros(4)}, 'x.pth: .* 1 of another shape'),
        ({**source.state_dict(), '0.bias': torch.full((3,), torch.nan)}, 'x.pth: .* hold NaN'),
    ):
        torch.save(state, file)
        with pytest.raises(CheckpointError, match=message):
            load_weights(model, file)
        assert not model[0].weight.any()
    torch.save({'0.weight': torch.ones(3, 2), '0.bias': torch.zeros(4)}, file)
    assert list(load_weights(model, file, strict=False).misshapen) == ['0.bias']
    assert model[0].weight.all()


def test_one_report_of_a_model_holds_those_of_its_backbones(tmp_path, log):
    source, model = ToySpectral(), zeroed(ToySpectral())
    report = load_weights(model, {'state_dict': source.state_dict()})
    assert report.complete and report == LoadReport.of(model, source.state_dict())
    assert [text.split(':')[0] for text in log] == ['ToySpectral']
