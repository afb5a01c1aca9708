"""What every forecaster does, whatever its mixers."""

import pytest
import torch
from made_series import walks, write_csv
from mmengine.registry import MODELS

from heracles_mm.errors import UsageError
from heracles_mm.export.freeze import freeze
from heracles_mm.export.wrappers import target
from heracles_mm.forecasting import Forecaster, LinearMap, LinearStartHook, SeriesDataset
from heracles_mm.layers.attention import Attention
from heracles_mm.layers.spectral_mixer import SpectralMixer

BACKBONES = {
    'heracles': dict(type='HeraclesSeries', look_back=40),
    'heracles, hartley': dict(
        type='HeraclesSeries', look_back=40, transform='hartley', hartley_product='convolution'
    ),
    'hamsa': dict(type='HamsaSeries', look_back=40),
    'hamsa, real': dict(type='HamsaSeries', look_back=40, kernel='real'),
}


def make(name: str = 'heracles', **options) -> Forecaster:
    torch.manual_seed(0)
    small = dict(dim=8, depth=2, hidden=16, patch=8, stride=4)
    model = Forecaster({**BACKBONES[name], **small}, 12, **options).double()
    torch.nn.init.normal_(model.head.weight, std=0.1)  # as after some training
    return model


@pytest.mark.parametrize('name', BACKBONES)
def test_forecasts_follow_a_change_of_level_and_scale(name):
    """Normalised windows are the same ones, but for the 1e-5 that keeps a flat one finite."""
    model, x = make(name).eval(), torch.randn(2, 40, 3, dtype=torch.float64)
    torch.testing.assert_close(model(7 + 3 * x), 7 + 3 * model(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('name', BACKBONES)
def test_columns_are_forecast_apart_and_by_the_same_weights(name):
    model, x = make(name).eval(), torch.randn(2, 40, 3, dtype=torch.float64)
    y = model(x)
    assert y.shape == (2, 12, 3)
    torch.testing.assert_close(model(x[..., [2, 0]]), y[..., [2, 0]])


@pytest.mark.parametrize('name', BACKBONES)
def test_a_flat_window_gives_a_flat_forecast(name):
    forecast = make(name).eval()(torch.full((1, 40, 1), 5.0, dtype=torch.float64))
    torch.testing.assert_close(forecast, torch.full_like(forecast, 5.0), atol=0.02, rtol=0)


@pytest.mark.parametrize('name', BACKBONES)
@pytest.mark.parametrize('loss', ['mse', 'mae', 'huber'])
def test_every_parameter_gets_a_gradient(name, loss):
    model = make(name, loss=loss, drift=True).train()
    batch = torch.randn(2, 40, 3).double(), torch.randn(2, 12, 3).double()
    model(*batch, mode='loss')['loss'].backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]


@pytest.mark.parametrize('name', BACKBONES)
def test_what_is_exported_forecasts_the_same(name):
    """Frozen transforms are products with tables: the same mathematics."""
    model, x = make(name).eval(), torch.randn(3, 40, dtype=torch.float64)
    frozen = freeze(target(model, 'model').module, x)
    torch.testing.assert_close(frozen(x), model(x[..., None])[..., 0])


def test_the_first_layers_are_spectral_and_the_others_attend():
    for count in range(3):
        backbone = MODELS.build({**BACKBONES['heracles'], 'depth': 2, 'spectral_layers': count})
        kinds = [SpectralMixer] * count + [Attention] * (2 - count)
        assert [type(block.mixer) for block in backbone.blocks] == kinds
        for block in backbone.blocks[:count]:
            assert block.mixer.filter.weight.shape == (8, backbone.tokens)


@pytest.mark.parametrize(('look_back', 'tokens'), [(96, 12), (336, 42), (100, 12)])
def test_patches_are_those_of_patchtst(look_back, tokens):
    """16 values, 8 apart, and one that begins in the last patch's middle and repeats its end."""
    backbone = MODELS.build(dict(type='HeraclesSeries', look_back=look_back)).eval()
    assert backbone(torch.randn(2, look_back)).shape == (2, tokens, 16)


@pytest.mark.parametrize('drift', [False, True])
def test_it_begins_as_the_best_linear_map_of_its_training_windows(drift, tmp_path):
    """The head is zero then, so the forecast is the closed-form map's, with its bias as drift."""
    path = str(write_csv(tmp_path / 'a.csv', walks(400)))
    train = SeriesDataset(path, 'train', 40, 12, dict(fractions=(0.7, 0.1, 0.2)))
    model = Forecaster(BACKBONES['heracles'], 12, drift=drift).eval()

    class Run:
        iter, cfg, train_dataloader = 0, {}, type('', (), dict(dataset=train))

    Run.model = model
    LinearStartHook().before_train(Run)
    x = train[5]['inputs'][None]
    expected = LinearMap(train.values, 40, 12, bias=drift)(x)
    torch.testing.assert_close(model(x), expected, atol=1e-4, rtol=1e-4)
    for change in (dict(iter=7), dict(cfg=dict(load_from='x.pth'))):  # resumed, fine-tuned
        torch.nn.init.zeros_(model.linear.weight)
        LinearStartHook().before_train(type('', (Run,), change))
        assert not model.linear.weight.any()


def test_the_sign_of_a_window_is_drawn_in_training_alone():
    """Over many draws a window gives its forecast or, put back, that of its mirror image."""
    model, x = make().train(), torch.randn(1, 40, 1, dtype=torch.float64)
    for dropout in (m for m in model.modules() if isinstance(m, torch.nn.Dropout)):
        dropout.p = 0.0
    found = torch.cat([model(x) for _ in range(20)])
    mean = x.mean(1, keepdim=True)
    mirrored = 2 * mean - model.eval()(2 * mean - x)
    kinds = torch.stack([(found - one).abs().amax((1, 2)) < 1e-9 for one in (model(x), mirrored)])
    assert kinds.any(0).all()
    assert kinds.any(1).all()


@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda: Forecaster(BACKBONES['hamsa'], 0), 'horizon must be a whole number of at least 1'),
        (lambda: Forecaster(BACKBONES['hamsa'], 4, loss='l1'), "unknown loss 'l1': choose one of"),
        (lambda: Forecaster(BACKBONES['hamsa'], 4, looss='mse'), 'allowed are backbone, horizon'),
        (lambda: make()(torch.randn(2, 39, 3)), r'expected windows \(B, 40, columns\), got'),
        (
            lambda: make()(torch.randn(2, 40, 3).double(), torch.randn(2, 24, 3), mode='loss'),
            'the forecast is 12 rows and the targets are 24',
        ),
    ],
)
def test_a_wrong_use_is_one_sentence(build, message):
    with pytest.raises(UsageError, match=message):
        build()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(spectral_layers=4), 'spectral_layers must be 0 to 3, got 4'),
        (dict(transform='sine'), "unknown transform 'sine'"),
        (dict(dim=15), 'dim must be even and a multiple of head_dim, 4, got 15'),
        (dict(patch=50), 'at most look_back, 40, got 50: give a smaller model.backbone.patch'),
        (dict(dropout=1), r'dropout must be in \[0, 1\), got 1'),
        (dict(stride=0), 'stride must be a whole number of at least 1'),
        (dict(layers=3), 'allowed are look_back, spectral_layers'),
    ],
)
def test_a_backbones_option_out_of_range_is_one_sentence(options, message):
    with pytest.raises(UsageError, match=message):
        MODELS.build({**BACKBONES['heracles'], **options})
