"""Smaller numbers: what gets them, what keeps float32, and what it costs in accuracy."""

import json
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest
from exported_models import scene
from PIL import Image

from heracles_mm.cli import export_onnx
from heracles_mm.export.reduced_precision import QUANTISED, in_float32, reduce
from heracles_mm.runtime import Model
from heracles_mm.runtime.geometry import geometry, model_input

onnx = pytest.importorskip('onnx')


def feeds(model, count=3):
    """Inputs of a file for scenes."""
    for index in range(count):
        picture = scene(64, 96, index)
        where = geometry(picture.shape[:2], model.description)
        inputs = {'image': model_input(picture, where, model.description)}
        if model.description.task == 'detection':
            inputs['size'] = np.array(where.used, np.float32)
        yield inputs


@pytest.fixture(scope='module')
def made(exported, tmp_path_factory):
    """A function from a name and a precision to such a file."""
    folder = tmp_path_factory.mktemp('precision')

    def of(name, precision):
        path = folder / f'{name}_{precision}.onnx'
        if not path.exists():
            file = exported(name).file
            shutil.copy(file, path)
            if precision != 'float32':
                reduce(path, precision, feeds(Model(file)))
        return path

    return of


def bytes_of_weights(path):
    return sum(
        onnx.numpy_helper.to_array(each).nbytes for each in onnx.load(path).graph.initializer
    )


@pytest.mark.parametrize(('precision', 'share'), [('float16', 0.01), ('int8', 0.3)])
@pytest.mark.parametrize('name', ['classes', 'segments'])
def test_the_numbers_are_close_and_the_weights_are_smaller(name, precision, share, made):
    """Of the largest of them: float16 has 11 bits for each, int8 8. (The graphs of these tiny
    models are larger than their weights.)"""
    plain, small = made(name, 'float32'), made(name, precision)
    assert bytes_of_weights(small) < bytes_of_weights(plain)
    own, other = Model(plain), Model(small)
    for inputs in feeds(own):
        (expected,), (found,) = (model._graph.run(inputs) for model in (own, other))
        assert found.dtype == np.float32
        difference = np.abs(found - expected)
        assert difference.max() > 0 and difference.mean() < share * np.abs(expected).max()


@pytest.mark.parametrize(
    'name',
    ['boxes', *(pytest.param(name, marks=pytest.mark.slow) for name in ('masks', 'queries'))],
)
def test_a_detector_finds_nearly_the_same_boxes_in_float16(name, made):
    """Boxes are places of up to a thousand px, of which float16 counts whole ones."""
    own, other = (Model(made(name, precision)) for precision in ('float32', 'float16'))
    best = own(scene(64, 96)).at(slice(0, 1))
    found = other(scene(64, 96))
    near = np.abs(found.boxes - best.boxes).max(1)
    assert near.min() < 0.5
    assert abs(found.scores[near.argmin()] - best.scores[0]) < 0.02


def test_a_detector_can_be_int8(made):
    found = Model(made('instances', 'int8'))(scene(64, 96))
    assert len(found) > 0 and np.isfinite(found.boxes).all()


def test_the_spectral_layers_keep_float32(made):
    """What HAMSA sums over a map and squares; its weights, which are most of this file."""
    graph = onnx.load(made('classes', 'float32')).graph
    spectral = {node.name for node in graph.node if in_float32(node)}
    assert len(spectral) > 20
    half = onnx.load(made('classes', 'float16')).graph
    halves = {each.name for each in half.initializer if each.data_type == onnx.TensorProto.FLOAT16}
    assert halves
    kept = [node for node in half.node if node.name in spectral]
    assert kept and not [node.name for node in kept if set(node.input) & halves]
    eight = onnx.load(made('classes', 'int8')).graph
    kinds = {name: node.op_type for node in eight.node for name in node.output}
    kept = [node for node in eight.node if node.name in spectral and node.op_type == 'MatMul']
    inputs = {name for node in kept for name in node.input}
    assert kept and 'DequantizeLinear' not in {kinds.get(name) for name in inputs}
    assert 'DequantizeLinear' in kinds.values()


@pytest.mark.parametrize('name', ['classes', 'instances'])
def test_int8_is_that_of_onnxruntimes_own_tool(name, made, tmp_path):
    """Which needs more memory for it: `_quantised` only measures in another order."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        feeds = feeds(Model(made(name, 'float32')))

        def get_next(self):
            return next(self.feeds, None)

    quantize_static(
        made(name, 'float32'),
        tmp_path / 'theirs.onnx',
        Reader(),
        op_types_to_quantize=QUANTISED,
        nodes_to_exclude=[
            node.name for node in onnx.load(made(name, 'float32')).graph.node if in_float32(node)
        ],
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options={'MatMulConstBOnly': True},
    )
    theirs, ours = onnx.load(tmp_path / 'theirs.onnx').graph, onnx.load(made(name, 'int8')).graph
    numbers = {each.name: onnx.numpy_helper.to_array(each) for each in theirs.initializer}
    assert {each.name for each in ours.initializer} == set(numbers)
    for each in ours.initializer:
        np.testing.assert_array_equal(onnx.numpy_helper.to_array(each), numbers[each.name])
    assert {node.name for node in ours.node} == {node.name for node in theirs.node}


def test_calibrating_needs_the_memory_of_running(tmp_path):
    """Not that of all the maps that a picture leads to: 64 of 16 MB here."""
    script = """
import resource, sys
from pathlib import Path
import numpy as np, onnx
from onnx import helper
from heracles_mm.export.reduced_precision import reduce

weights = [onnx.numpy_helper.from_array(np.eye(4, dtype=np.float32), f'w{i}') for i in range(64)]
nodes = [helper.make_node('MatMul', [f'x{i}', f'w{i}'], [f'x{i + 1}'], f'n{i}') for i in range(64)]
ends = [helper.make_tensor_value_info(name, 1, [2**20, 4]) for name in ('x0', 'x64')]
graph = helper.make_graph(nodes, 'chain', ends[:1], ends[1:], weights)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)]), sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
reduce(Path(sys.argv[1]), 'int8', [{'x0': np.ones((2**20, 4), np.float32)}])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    command = [sys.executable, '-c', script, tmp_path / 'chain.onnx']
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert float(printed.splitlines()[-1]) < 400  # MB


def test_the_command_says_the_accuracy_before_and_after(exported, tmp_path):
    """By the config's own metric, on pictures of its test data."""
    made = exported('classes')
    (tmp_path / 'pictures').mkdir()
    for index in range(3):
        Image.fromarray(scene(64, 96, index)).save(tmp_path / 'pictures' / f'{index}.png')
    argv = [made.config.parents[2] / 'export/configs/classifier.py', made.checkpoint, '--out']
    argv += [tmp_path / 'c.onnx', '--rounds', 0, '--json', '--accuracy', 10]
    argv += ['--precision', 'int8', '--calibration', tmp_path / 'pictures']
    with redirect_stdout(StringIO()) as printed:
        assert export_onnx.main([str(word) for word in argv]) == 0
    *lines, last = printed.getvalue().splitlines()
    report = json.loads(last)
    assert list(report['accuracy']) == ['float32', 'int8']
    for precision, numbers in report['accuracy'].items():
        assert 0 <= numbers['accuracy/top1'] <= 100
        assert f'accuracy in {precision}: accuracy/top1 {numbers["accuracy/top1"]:.4g}' in lines
    assert report['description']['precision'] == report['precision'] == 'int8'
    assert Model(tmp_path / 'c.onnx').description.precision == 'int8'
    assert {path.name for path in tmp_path.iterdir()} == {'pictures', 'c.onnx'}
