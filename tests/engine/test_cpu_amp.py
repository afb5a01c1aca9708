"""Mixed precision on a CPU: the steps compute in bfloat16, everything that is kept is float32."""

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from torch import nn

import heracles_mm.engine  # noqa: F401  (registers the wrapper)
from heracles_mm.cli import train


@pytest.mark.parametrize('given', [{}, {'type': 'AmpOptimWrapper', 'dtype': 'float16'}])
def test_steps_are_in_bfloat16_and_weights_in_float32(given, monkeypatch):
    monkeypatch.setattr(train, 'get_device', lambda: 'cpu')
    cfg = Config({'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.1}, **given}})
    train._use_amp(cfg)
    model = nn.Linear(3, 2)
    before = model.weight.detach().clone()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    with wrapper.optim_context(model):
        out = model(torch.ones(4, 3))
    assert out.dtype == torch.bfloat16
    wrapper.update_params(out.float().square().sum())
    assert model.weight.dtype == torch.float32
    assert not torch.equal(model.weight, before)
    assert model(torch.ones(4, 3)).dtype == torch.float32  # as an evaluation does
