"""The backbone is compiled, and the checkpoint does not show it."""

import pytest
import torch
from mmengine.registry import HOOKS
from torch import nn
from toy_spectral import ToySpectral

import heracles_mm.engine  # noqa: F401
from heracles_mm.errors import UserError


class Runner:
    def __init__(self, model):
        self.model = model


def test_the_backbone_is_called_by_the_compiler_and_keeps_its_names():
    torch.manual_seed(0)
    runner, graphs = Runner(ToySpectral().eval()), []
    keys, x = [*runner.model.state_dict()], torch.randn(2, 3)
    with torch.no_grad():
        expected = runner.model(x=x, y=torch.zeros(2, 1))

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    HOOKS.build(dict(type='CompileHook', backend=backend)).before_train(runner)
    with torch.no_grad():
        found = runner.model(x=x, y=torch.zeros(2, 1))
    assert graphs
    assert [*runner.model.state_dict()] == keys
    torch.testing.assert_close(found, expected)


def test_a_model_without_a_backbone_is_refused():
    with pytest.raises(UserError, match=r'model\.backbone'):
        HOOKS.build(dict(type='CompileHook')).before_train(Runner(nn.Linear(1, 1)))
