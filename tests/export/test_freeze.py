"""A frozen model is the same function of pictures of one size, without complex numbers."""

import copy

import pytest
import torch
from exported_backbones import VARIANTS, backbone
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

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


class Seen(TorchDispatchMode):
    """Every operator that ran, and whether one of them gave complex numbers."""

    def __init__(self):
        super().__init__()
        self.operators, self.complex = set(), False

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.operators.add(str(function))
        self.complex |= isinstance(result, torch.Tensor) and result.is_complex()
        return result


def test_only_real_numbers_and_no_transform_of_torch(name):
    """Also at 300 px, where a Hartley axis of 75 positions takes the FFT in eager mode."""
    x = torch.randn(2, 3, 300, 64)
    frozen = freeze(backbone(name), x)
    with Seen() as seen, torch.no_grad():
        frozen(x)
    assert not seen.complex
    assert not [operator for operator in seen.operators if 'fft' in operator]
    assert any('mm' in operator for operator in seen.operators)
