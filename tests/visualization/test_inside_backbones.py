"""What the pictures of a backbone show is what the backbone does."""

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip('matplotlib', reason='pictures need matplotlib, which comes with mmdet')

from heracles_mm import Hamsa, Heracles
from heracles_mm.checkpoints import CheckpointError
from heracles_mm.visualization import (
    activation_scales,
    effective_receptive_field,
    gate_values,
    plot_activations,
    plot_channels,
    plot_features,
    plot_filters,
    plot_gates,
    plot_receptive_fields,
    save_figure,
)
from heracles_mm.visualization.activations import principal_colours, stage_maps

TINY = dict(stem_width=8, embed_dims=(32, 32, 32, 32), depths=(1, 2, 1, 1), mlp_ratios=(2, 2, 2, 2))


@pytest.fixture(scope='module')
def heracles():
    torch.manual_seed(0)
    return Heracles(TINY, img_size=64, spectral_stages=2).eval()


@pytest.fixture(params=['tokens', 'grid'])
def hamsa(request):
    torch.manual_seed(0)
    return Hamsa(TINY, img_size=64, fft_axes=request.param).eval()


@pytest.fixture
def picture():
    return torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))


def test_stage_maps_are_what_the_backbone_returns(heracles, picture):
    with torch.no_grad():
        returned = heracles(picture)
        for shown, given in zip(stage_maps(heracles, picture), returned, strict=True):
            assert torch.equal(shown.permute(0, 3, 1, 2), given)


def test_gates_of_shut_and_open_networks(hamsa, picture, monkeypatch):
    """Without weights the gate is its bias's sigmoid everywhere; with them a picture's spectrum,
    alike at f and -f, decides. Where spectra go in pieces, hooks see them whole all the same."""
    for module in hamsa.modules():
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.constant_(module.bias, -3)
    monkeypatch.setattr('heracles_mm.spectral.fused_bins.CHUNK', 256)
    found = gate_values(hamsa, picture)
    assert [gate.shape[1:] for gate in found[2]] == [(8, 12), (8, 12)]
    whole = torch.cat([gate.flatten() for planes in found.values() for gate in planes])
    assert whole.min() > 0 and whole.max() < 1
    first = found[1][0]
    if hamsa.stages[0].blocks[0].mixer.sass.fft_axes == 'grid':
        inner = first[:, 1:, 1:]  # even sides: after the row and column of the highest frequency
        assert torch.allclose(inner, inner.flip((1, 2)), atol=1e-6)
    for module in hamsa.modules():
        if type(module).__name__ == 'SpectralPulseNet':
            nn.init.zeros_(module.gate.weight)
    for planes in gate_values(hamsa, picture).values():
        for gate in planes:
            assert torch.allclose(gate, torch.tensor(-3.0).sigmoid().expand_as(gate))


def test_a_receptive_field_ends_where_the_network_cannot_reach(heracles):
    """With silent filters stage 1 is convolutions alone: 7, 3, 3 and 3 px of the stem at strides 2,
    2, 2 and 4, and two 3x3 at stride 4 in the block, so 19 + 2 * 8 = 35 px at most."""
    torch.manual_seed(0)
    local = Heracles(TINY, img_size=64).eval()
    nn.init.zeros_(local.stages[0].blocks[0].mixer.filter.weight)
    x = torch.randn(2, 3, 64, 64)
    reached = np.argwhere(effective_receptive_field(local, x, 1) > 0)
    low, high = reached.min(0), reached.max(0)
    assert (high - low < 35).all() and (high - low > 11).all()
    assert (np.abs((low + high) / 2 - 33) < 3).all()
    global_field = effective_receptive_field(heracles, x, 1)
    assert (global_field > 0).all() and global_field.max() == 1


def test_scales_are_those_of_the_residual_stream(heracles, picture):
    """A block gives its input plus both branches; with both silent it is its input."""
    scales = activation_scales(heracles, picture)
    assert {name: len(values) for name, values in scales.items()} == dict(block=5, mixer=5, ffn=5)
    silent = Heracles(TINY, img_size=64, spectral_stages=4).eval()
    with torch.no_grad():
        for name, parameter in silent.named_parameters():
            if 'mixer' in name or 'fc2' in name:
                parameter.zero_()
    scales = activation_scales(silent, picture)
    assert scales['mixer'] == scales['ffn'] == [0] * 5
    assert scales['block'] == pytest.approx([1] * 5, abs=1e-3)  # of the embedding's norm


def test_principal_colours_separate_what_differs():
    features = np.zeros((4, 6, 5), np.float32)
    features[:, 3:, 2] = 1
    colours = principal_colours(features)
    assert colours.shape == (4, 6, 3)
    assert np.allclose(colours[:, :3, 0], 0) and np.allclose(colours[:, 3:, 0], 1)


def test_every_picture_is_written_and_names_every_block(heracles, picture, tmp_path):
    """Also of a picture whose sides differ; the same model gives the same bytes."""
    hamsa = Hamsa(TINY, img_size=64).eval()
    fields = {f'{stage}': effective_receptive_field(heracles, picture, stage) for stage in (1, 4)}
    figures = {
        'filters': plot_filters(heracles),
        'kernels': plot_filters(hamsa),
        'channels': plot_channels(heracles, 2),
        'gates': plot_gates(hamsa, picture),
        'features': plot_features(heracles, picture),
        'fields': plot_receptive_fields('Heracles', fields),
        'scales': plot_activations({'a': heracles, 'b': hamsa}, picture),
    }
    titles = [axes.get_title() for axes in figures['kernels'].axes if axes.get_title()]
    assert titles == [
        f'stage {stage}, block {block}' for stage, block in ((1, 1), (2, 1), (2, 2), (3, 1), (4, 1))
    ]
    for name, figure in figures.items():
        path = tmp_path / f'{name}.png'
        save_figure(figure, path)
        assert path.read_bytes().startswith(b'\x89PNG')
    again = [tmp_path / name for name in ('first.svg', 'second.svg')]
    for path in again:
        save_figure(plot_filters(heracles), path)
    assert again[0].read_bytes() == again[1].read_bytes()
    assert again[0].read_bytes().startswith(b'<?xml')


def test_what_cannot_be_shown_is_an_error(heracles, hamsa, picture, tmp_path):
    with pytest.raises(ValueError, match='Heracles has no SASS to show'):
        gate_values(heracles, picture)
    with pytest.raises(ValueError, match='stage 3 has neither'):
        plot_channels(heracles, 3)
    with pytest.raises(ValueError, match='stage 5 does not exist: Hamsa has 1 to 4'):
        effective_receptive_field(hamsa, picture, 5)
    figure = plot_filters(heracles)
    with pytest.raises(ValueError, match=r'must end in .png or .svg'):
        save_figure(figure, tmp_path / 'picture.jpg')
    (tmp_path / 'file').touch()
    with pytest.raises(CheckpointError, match='cannot be written'):
        save_figure(figure, tmp_path / 'file' / 'picture.png')
    assert [path.name for path in tmp_path.iterdir()] == ['file']
