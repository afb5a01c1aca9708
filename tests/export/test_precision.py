"""Smaller numbers: what gets them, what keeps float32, and what it costs in accuracy."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from exported_backbones import loud

from heracles_mm.cli import export_onnx

CONFIGS = Path(__file__).parent / 'configs'


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """A classifier of the embedded photos in all precisions: precision -> (file, report)."""
    for library in ('mmpretrain', 'onnxruntime', 'onnxscript'):
        pytest.importorskip(library)
    import contextlib
    import io

    from mmengine.config import Config

    from heracles_mm.datasets.pictures import write_pictures
    from heracles_mm.export.building import build_model

    folder = tmp_path_factory.mktemp('precision')
    write_pictures(folder / 'pictures', train=1, val=1, side=64)
    config = CONFIGS / 'classifier.py'
    model = build_model(Config.fromfile(config), None, only_backbone=False)
    loud(model.backbone)
    torch.save({'state_dict': model.state_dict()}, folder / 'c.pth')
    files = {}
    for precision in ('float32', 'float16', 'int8'):
        file, printed = folder / f'{precision}.onnx', io.StringIO()
        argv = [config, folder / 'c.pth', '--out', file, '--rounds', 0, '--json', '--accuracy', 20]
        argv += ['--precision', precision]
        argv += ['--calibration', folder / 'pictures'] if precision == 'int8' else []
        with contextlib.redirect_stdout(printed):
            assert export_onnx.main([str(word) for word in argv]) == 0
        files[precision] = file, json.loads(printed.getvalue().splitlines()[-1])
    assert {path.suffix for path in folder.iterdir()} == {'', '.pth', '.onnx'}  # nothing half-done
    return files


def weights(file):
    """Bytes of the tensors of each type in a file."""
    onnx = pytest.importorskip('onnx')
    sizes = {}
    for tensor in onnx.load(file).graph.initializer:
        name = onnx.TensorProto.DataType.Name(tensor.data_type)
        sizes[name] = sizes.get(name, 0) + len(tensor.raw_data)
    return sizes


def test_accuracy_before_and_after_is_said(made):
    _, plain = made['float32']
    assert list(plain['accuracy']) == ['float32']
    for precision in ('float16', 'int8'):
        _, report = made[precision]
        assert list(report['accuracy']) == ['float32', precision]
        assert report['accuracy']['float32'] == plain['accuracy']['float32']
        assert 0 <= report['accuracy'][precision]['accuracy/top1'] <= 100
        assert report['description']['precision'] == report['precision'] == precision
        assert report['bytes'] < plain['bytes']


def test_the_results_are_close_and_the_inputs_the_same(made):
    """float16 has 11 bits: a thousandth of the largest score; int8 has 8."""
    onnxruntime = pytest.importorskip('onnxruntime')
    image = np.random.default_rng(0).standard_normal((1, 3, 64, 64)).astype(np.float32)
    found = {}
    for precision, (file, _) in made.items():
        session = onnxruntime.InferenceSession(file, providers=['CPUExecutionProvider'])
        assert session.get_inputs()[0].type == 'tensor(float)'
        (found[precision],) = session.run(None, {'image': image})
    scale = np.abs(found['float32']).max()
    assert 0 < np.abs(found['float16'] - found['float32']).max() < 0.01 * scale
    assert 0 < np.abs(found['int8'] - found['float32']).max() < 0.5 * scale


def test_the_spectral_layers_keep_float32(made):
    """Their kernels, which are most of this file, and what they compute with: a map's first
    frequency is the sum of the map, and is squared."""
    onnx = pytest.importorskip('onnx')
    from heracles_mm.export.precision import in_float32

    file, _ = made['float16']
    assert weights(file)['FLOAT16'] > 0
    graph = onnx.load(file).graph
    halves = {each.name for each in graph.initializer if each.data_type == onnx.TensorProto.FLOAT16}
    spectral = [node for node in graph.node if in_float32(node)]
    assert len(spectral) > 20
    assert not [node.name for node in spectral if set(node.input) & halves]
    quantised = onnx.load(made['int8'][0]).graph
    names = {node.name for node in spectral}
    inserted = {
        name
        for node in quantised.node
        if node.op_type == 'DequantizeLinear'
        for name in node.output
    }
    kept = [node for node in quantised.node if node.name in names]
    assert kept
    assert not [
        node.name for node in kept if node.op_type == 'MatMul' and set(node.input) & inserted
    ]


def test_a_detector_in_float16_finds_nearly_the_same(tmp_path):
    """Boxes are places of up to a thousand px, of which float16 counts whole ones."""
    onnxruntime = pytest.importorskip('onnxruntime')
    from test_detectors import detector, scene

    from heracles_mm.export.checked_export import export
    from heracles_mm.export.formats import ExportOptions
    from heracles_mm.export.wrappers import target

    made = target(detector('gfl'), 'model')
    options = ExportOptions((64, 96), precision='float16')
    export(made, options, tmp_path / 'd.onnx', pictures=[scene(64, 96)])
    session = onnxruntime.InferenceSession(tmp_path / 'd.onnx', providers=['CPUExecutionProvider'])
    image = scene(64, 96, 1)
    inputs = {'image': image.numpy(), 'size': np.array([64, 96], np.float32)}
    boxes, scores, _ = session.run(None, inputs)
    own, own_scores, _ = made.module.own(image, (64, 96))
    assert abs(scores[0] - own_scores[0].item()) < 0.02
    assert np.abs(own.detach().numpy() - boxes[0]).max(1).min() < 0.5
