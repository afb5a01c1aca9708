"""What a graph computes from the size of its maps is what is computed beforehand for one size."""

import pytest
import torch
import torch.nn.functional as F
from exported_backbones import VARIANTS, backbone
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from heracles_mm.errors import UserError
from heracles_mm.export import any_size
from heracles_mm.export.checked_export import export
from heracles_mm.export.formats import ExportOptions
from heracles_mm.export.freeze import freeze
from heracles_mm.export.wrappers import Target, target
from heracles_mm.spectral import resample_kernel, tables

sides = st.integers(1, 40)
EXACT = dict(rtol=0, atol=1e-12)


@settings(max_examples=30)
@example(n=2, m=1, wrap=True)  # one sample lies on both sides of what is between its periods
@given(n=sides, m=sides, wrap=st.booleans())
def test_tables_are_those_of_the_layers(n, m, wrap):
    index = any_size.places(n)
    torch.testing.assert_close(
        any_size.dct_matrix(index, torch.float64), tables.dct_matrix(n), **EXACT
    )
    cos, sin = any_size.dft_matrices(index, torch.float64)
    torch.testing.assert_close(cos, tables.cos_matrix(n), **EXACT)
    torch.testing.assert_close(sin, tables.sin_matrix(n), **EXACT)
    found = any_size.lerp_matrix(m, index, wrap, torch.float64)
    torch.testing.assert_close(found, tables.lerp_matrix(m, n, wrap), **EXACT)


@settings(max_examples=30)
@given(height=sides, width=sides, cells=st.tuples(sides, sides))
def test_pooling_is_torchs(height, width, cells):
    x = torch.randn(1, 2, height, width, dtype=torch.float64)
    pool = any_size.AnyPool(nn.AdaptiveAvgPool2d(cells))
    torch.testing.assert_close(pool(x), F.adaptive_avg_pool2d(x, cells), **EXACT)


@settings(max_examples=30)
@given(old=sides, new=sides)
def test_kernels_move_offset_by_offset(old, new):
    weight = torch.randn(old, 1, dtype=torch.float64)
    at, exists = any_size.kernel_places(old, any_size.places(new))
    expected = resample_kernel(weight, (new, 1), 'grid')
    torch.testing.assert_close(weight[at] * exists[:, None], expected, **EXACT)


@pytest.mark.parametrize('name', VARIANTS)
def test_the_model_is_the_same_function_at_any_size(name):
    """float64, so that what differs but in rounding would show; 64 px is the filters' own."""
    model = backbone(name).double()
    x = torch.randn(1, 3, 40, 40, dtype=torch.float64)
    made = freeze(model, x, any_size=True)
    for height, width in ((64, 64), (70, 90), (33, 95), (130, 47)):
        x = torch.randn(2, 3, height, width, dtype=torch.float64)
        with torch.no_grad():
            torch.testing.assert_close(made(x), model(x), rtol=0, atol=1e-11)


def test_a_file_of_hamsas_is_the_model_at_other_sizes(tmp_path):
    """Which export() sees to. The first stage alone: tracing sizes by name takes long."""
    pytest.importorskip('onnxruntime')
    made = Target(backbone('hamsa-complex', out_indices=(0,)), ('stage_1',), 'features')
    report = export(made, ExportOptions((64, 64), any_size=True), tmp_path / 'm.onnx')
    assert 0 < report.differences['stage_1'] < 2e-5


def test_a_side_below_the_least_is_refused(tmp_path):
    made = target(nn.ModuleDict({'backbone': backbone('heracles-cosine')}), 'backbone')
    with pytest.raises(UserError, match='begins at 33 px, and is traced at no less'):
        export(made, ExportOptions((32, 64), any_size=True), tmp_path / 'm.onnx')
    assert not list(tmp_path.iterdir())
