"""A frozen model is the same function of pictures of one size, without complex numbers."""

import copy

import pytest
import torch
from exported_backbones import VARIANTS, backbone
from hypothesis import given, settings
from hypothesis import strategies as st

from heracles_mm.export.freeze import freeze

pytestmark = pytest.mark.parametrize('name', VARIANTS)

sides = st.integers(32, 120)


@settings(max_examples=4)
@given(height=sides, width=sides, batch=st.integers(1, 3))
def test_the_same_numbers_at_any_size_and_batch(name, height, width, batch):
    """float64, so that what differs but in rounding would show."""
    model = backbone(name).double()
    frozen = freeze(model, torch.randn(1, 3, height, width, dtype=torch.float64))
    x = torch.randn(batch, 3, height, width, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(frozen(x), model(x), rtol=0, atol=1e-11)


def test_the_model_stays_as_it_is(name):
    model = backbone(name).train()
    before = copy.deepcopy(model.state_dict())
    modules = list(model.modules())
    freeze(model, torch.randn(1, 3, 70, 90))
    assert model.training
    assert list(model.modules()) == modules
    torch.testing.assert_close(dict(model.state_dict()), dict(before), rtol=0, atol=0)


def test_only_real_numbers_and_no_transform_of_torch(name):
    """Also at 300 px, where a Hartley axis of 75 positions takes the FFT in eager mode."""
    x = torch.randn(2, 3, 300, 64)
    frozen = freeze(backbone(name), x)
    graph = torch.export.export(frozen, (x,), strict=False).graph
    steps = [node for node in graph.nodes if node.op == 'call_function']
    results = [node.meta['val'] for node in steps]
    assert not [y for y in results if isinstance(y, torch.Tensor) and y.is_complex()]
    assert not [node.target for node in steps if 'fft' in str(node.target)]
    assert [node.target for node in steps if 'matmul' in str(node.target)]
