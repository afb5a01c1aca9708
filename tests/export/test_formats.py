"""What is written computes what the model does, or is not kept."""

import math
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from exported_backbones import VARIANTS, backbone
from torch import nn

import heracles_mm
from heracles_mm.errors import UserError
from heracles_mm.export.checked_export import export
from heracles_mm.export.formats import FORMATS, OPSETS, ExportOptions
from heracles_mm.export.wrappers import Target, target

SIZES = (70, 90), (300, 64), (33, 95), (64, 96), (70, 90), (33, 64), (64, 64), (96, 33)
SHAPES = dict(zip(VARIANTS, SIZES, strict=True))
"""Of the pictures: odd ones, one that the filters were made for, one with a long Hartley axis."""


def maps(name: str, *stages: int) -> Target:
    names = tuple(f'stage_{s + 1}' for s in stages)
    return Target(backbone(name, out_indices=stages), names, 'features')


def names_of_folders(path: Path) -> bool:
    """Whether a file names where this package lies on the disk, as torch's own do."""
    contents = [path.read_bytes()]
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            contents = [archive.read(name) for name in archive.namelist()]
    package = str(Path(heracles_mm.__file__).parent).encode()
    return any(package in content for content in contents)


@pytest.mark.parametrize(
    ('name', 'dynamic_batch'),
    [(name, True) for name in VARIANTS] + [('heracles-cosine', False), ('hamsa-complex', False)],
)
def test_onnxruntime_gives_the_maps_of_every_variant(name, dynamic_batch, tmp_path):
    """Stage 1 is spectral in every variant, stage 2 attention in Heracles. The tool's own limit is
    1e-4; one of 2e-5 leaves room for other processors. The file is read here again, without the
    code that wrote it."""
    onnxruntime = pytest.importorskip('onnxruntime')
    onnx = pytest.importorskip('onnx')
    stages = (0, 1) if name in ('heracles-cosine', 'heracles-kv-grid') else (0,)
    made, shape, path = maps(name, *stages), SHAPES[name], tmp_path / 'maps.onnx'
    report = export(made, ExportOptions(shape, batch=2, dynamic_batch=dynamic_batch), path)
    assert max(report.differences.values()) < 2e-5
    assert min(report.largest.values()) > 1
    assert [path] == list(tmp_path.iterdir())
    assert report.bytes == path.stat().st_size
    assert not names_of_folders(path)

    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert {entry.domain: entry.version for entry in model.opset_import}[''] == report.opset
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    batches = (1, 3) if dynamic_batch else (2,)
    assert session.get_inputs()[0].shape == ['batch' if dynamic_batch else 2, 3, *shape]
    for batch in batches:
        x = torch.randn(batch, 3, *shape)
        found = session.run(list(made.outputs), {'image': x.numpy()})
        with torch.no_grad():
            expected = made.module(x)
        for own, theirs in zip(expected, found, strict=True):
            torch.testing.assert_close(torch.from_numpy(theirs), own, rtol=0, atol=1e-4)


@pytest.mark.parametrize('opset', [OPSETS[0], OPSETS[-1]])
def test_both_ends_of_the_opsets_are_written(opset, tmp_path):
    """torch answers an opset that it cannot write with another one and a line in the log."""
    onnx = pytest.importorskip('onnx')
    path = tmp_path / 'maps.onnx'
    export(maps('heracles-cosine', 0), ExportOptions((64, 64), opset=opset), path)
    assert onnx.load(path).opset_import[0].version == opset


@pytest.mark.parametrize(
    ('name', 'dynamic_batch'), [('heracles-cosine', False), ('hamsa-complex', True)]
)
def test_torch_export_writes_the_same(name, dynamic_batch, tmp_path):
    path = tmp_path / 'maps.pt2'
    options = ExportOptions((70, 90), dynamic_batch=dynamic_batch, format='torch_export')
    report = export(maps(name, 0, 1), options, path, rounds=1)
    assert not names_of_folders(path)
    assert max(report.differences.values()) < 2e-5
    assert report.outputs == {'stage_1': [1, 32, 18, 23], 'stage_2': [1, 32, 9, 12]}
    assert report.latency > 0
    x = torch.randn(3 if dynamic_batch else 1, 3, 70, 90)
    assert torch.export.load(path).module()(x)[1].shape == (len(x), 32, 9, 12)


@pytest.mark.parametrize('kind', ['BN', 'SyncBN', 'GN'])
def test_any_stem_is_written(kind, tmp_path):
    """Pictures of four channels, and each norm: what is no BatchNorm stays beside its convolution,
    and one that is joined over processes needs none of these."""
    norm_cfg = dict(type=kind, **({'num_groups': 4} if kind == 'GN' else {}))
    module = backbone('heracles-cosine', out_indices=(0,), in_channels=4, norm_cfg=norm_cfg)
    made = target(nn.ModuleDict({'backbone': module}), 'backbone')
    options = ExportOptions((40, 50), format='torch_export')
    report = export(made, options, tmp_path / 'maps.pt2')
    assert report.differences['stage_1'] < 2e-5
    written = torch.export.load(tmp_path / 'maps.pt2').module()
    assert written(torch.randn(1, 4, 40, 50))[0].shape == (1, 32, 10, 13)


@pytest.mark.slow
@pytest.mark.skipif(
    not (shutil.which('c++') or shutil.which('g++')), reason='AOTInductor compiles C++'
)
def test_aot_inductor_writes_the_same(tmp_path):
    options = ExportOptions((70, 90), format='aot_inductor')
    report = export(maps('hamsa-complex', 0), options, tmp_path / 'maps.pt2')
    assert report.differences['stage_1'] < 2e-5


class Forgetful(nn.Module):
    """Adds to its results what a tracer takes for a constant."""

    def __init__(self, growth: float) -> None:
        super().__init__()
        self.growth, self.calls = growth, 0

    def forward(self, x):
        self.calls += 1
        return x.mean(1) + self.growth * self.calls


@pytest.mark.parametrize('growth', [1.0, math.nan])
def test_a_file_that_computes_something_else_is_not_kept(growth, tmp_path):
    """A difference of NaN is above every limit too."""
    path = tmp_path / 'maps.pt2'
    path.write_text('the last good one')
    with pytest.raises(UserError, match='was not kept: its x differ from the eager'):
        export(
            Target(Forgetful(growth), ('x',), 'features'),
            ExportOptions((64, 64), format='torch_export'),
            path,
        )
    assert path.read_text() == 'the last good one'
    assert [path] == list(tmp_path.iterdir())


def test_what_torch_says_of_a_model_that_cannot_be_traced_is_kept(tmp_path):
    """With its traceback, which leads to the line of the model."""

    class Chooses(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(RuntimeError, match='data-dependent'):
        export(
            Target(Chooses(), ('x',), 'features'),
            ExportOptions((64, 64), format='torch_export'),
            tmp_path / 'm.pt2',
        )
    assert not list(tmp_path.iterdir())


def test_an_interrupted_export_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(traced, path, *rest):
        path.write_text('half')
        raise KeyboardInterrupt

    monkeypatch.setitem(FORMATS, 'onnx', FORMATS['onnx']._replace(write=interrupted))
    with pytest.raises(KeyboardInterrupt):
        export(maps('heracles-cosine', 0), ExportOptions((64, 64)), tmp_path / 'm.onnx')
    assert not list(tmp_path.iterdir())
