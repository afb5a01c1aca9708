"""tools/export_onnx.py: classifier, segmentor, backbone of a detector, and mistakes."""

import json
import math
import sys
from pathlib import Path

import pytest
import torch
from exported_backbones import ARCH, loud

from heracles_mm.cli import export_onnx
from heracles_mm.errors import UserError
from heracles_mm.export.building import build_model
from heracles_mm.export.wrappers import target

CONFIGS = Path(__file__).parent / 'configs'
CLASSIFIER = CONFIGS / 'classifier.py'
SEGMENTOR = CONFIGS / 'segmentor.py'
DETECTOR = CONFIGS / 'detector.py'
FAST = ('--rounds', 0, '--format', 'torch_export')


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def tool(capfd):
    """Run the tool and return (exit code, lines of stdout, lines of stderr)."""

    def run(*argv):
        code = export_onnx.main([str(word) for word in argv])
        printed, complained = capfd.readouterr()
        return code, printed.splitlines(), complained.splitlines()

    return run


def checkpoint_of(config: Path, name: str) -> Path:
    """A trained-looking checkpoint of a config's model."""
    from mmengine.config import Config

    model = build_model(Config.fromfile(config), None, only_backbone=False)
    loud(model.backbone)
    torch.save({'state_dict': model.state_dict()}, name)
    return Path(name)


@pytest.mark.slow
def test_a_classifier_and_its_line_for_scripts(tool):
    pytest.importorskip('mmpretrain')
    onnxruntime = pytest.importorskip('onnxruntime')
    weights = checkpoint_of(CLASSIFIER, 'c.pth')
    code, printed, complained = tool(
        CLASSIFIER, weights, '--out', 'made/c.onnx', '--rounds', 1, '--json', '--dynamic-batch'
    )
    steps = 'tracing', 'writing onnx', 'comparing with the eager model', 'timing 1 rounds'
    assert (code, complained) == (0, [f'export_onnx: {step}' for step in steps])
    report = json.loads(printed[-1])
    assert report['differences']['logits'] < 1e-4 < report['largest']['logits']
    assert report['bytes'] == Path('made/c.onnx').stat().st_size
    assert (report['opset'], report['shape'], report['batch']) == (20, [64, 64], 1)
    assert report['outputs'] == {'logits': [1, 10]}
    assert report['latency'] > 0
    assert f'{report["differences"]["logits"]:.1e}' in '\n'.join(printed[:-1])
    session = onnxruntime.InferenceSession('made/c.onnx', providers=['CPUExecutionProvider'])
    about = json.loads(session.get_modelmeta().custom_metadata_map['heracles_mm'])
    assert about == report['description']
    assert (about['mean'], about['channels']) == ([123.675, 116.28, 103.53], 'RGB')
    assert about['classes'][:2] == ['T-shirt/top', 'trouser']
    assert about['resize'] == dict(rule='exact', size=[64, 64], filter='opencv bilinear', crop=None)


def test_a_segmentor_at_an_odd_size(tool):
    pytest.importorskip('mmseg')
    pytest.importorskip('onnxruntime')
    weights = checkpoint_of(SEGMENTOR, 's.pth')
    argv = (SEGMENTOR, weights, '--out', 's.onnx', '--shape', 97, 130, '--rounds', 0, '--json')
    code, printed, _ = tool(*argv)
    assert code == 0
    report = json.loads(printed[-1])
    assert report['outputs'] == {'logits': [1, 9, 97, 130]}
    assert report['differences']['logits'] < 1e-4
    assert report['latency'] is None


def test_the_logits_of_a_segmentor_are_those_it_predicts_from():
    """Resized to the picture by the segmentor's own code."""
    pytest.importorskip('mmseg')
    from mmengine.config import Config

    model = build_model(Config.fromfile(SEGMENTOR), None, only_backbone=False)
    x = torch.randn(2, 3, 97, 130)
    with torch.no_grad():
        logits = target(model, 'model').module(x)
        meta = dict(img_shape=(97, 130), ori_shape=(97, 130), pad_shape=(97, 130))
        expected = model.inference(x, [meta] * 2)
    torch.testing.assert_close(logits, expected)


def test_a_model_without_a_backbone_is_refused():
    with pytest.raises(UserError, match='a Linear has no backbone that names its out_indices'):
        target(torch.nn.Linear(2, 2), 'backbone')


def test_a_comparison_of_nothing_is_said(tool):
    """Fresh weights find nothing above a trained model's threshold, so no box is alike."""
    pytest.importorskip('mmdet')
    nothing = 'model.test_cfg.rcnn.score_thr=1.1'
    code, printed, complained = tool(
        DETECTOR, '--what', 'model', '--out', 'd.pt2', '--shape', 64, 96, *FAST,
        '--cfg-options', nothing,
    )  # fmt: skip
    assert code == 0 and 'detections compared, all of them in both: 0' in printed
    assert 'the model found nothing, so no box was compared' in complained[-1]


@pytest.mark.parametrize('stored', ['a detector', 'a bare backbone'])
def test_the_backbone_of_a_detector_from_any_checkpoint_that_holds_it(stored, tool):
    pytest.importorskip('mmdet')
    path = checkpoint_of(DETECTOR, 'd.pth')
    weights = torch.load(path)['state_dict']
    own = {k.removeprefix('backbone.'): w for k, w in weights.items() if k.startswith('backbone.')}
    if stored == 'a bare backbone':
        torch.save(own, path)
    code, printed, _ = tool(
        DETECTOR, path, '--out', 'b.pt2', '--what', 'backbone', '--shape', 64, *FAST, '--json'
    )
    assert code == 0
    assert list(json.loads(printed[-1])['outputs']) == [f'stage_{i}' for i in (1, 2, 3, 4)]
    assert torch.export.load('b.pt2').module()(torch.randn(1, 3, 64, 64))[3].shape == (1, 32, 2, 2)
    written = torch.export.load('b.pt2').state_dict
    assert all(torch.equal(written[k], own[k]) for k in own if '.norm' in k or '.ffn.' in k)


TRIDENT = (
    '--cfg-options',
    'model.roi_head.type=TridentRoIHead',
    'model.roi_head.num_branch=3',
    'model.roi_head.test_branch_idx=1',
)

MISTAKES = {
    'no config': (('absent.py', '--out', 'x.onnx'), 'absent.py does not exist'),
    'no checkpoint': ((CLASSIFIER, 'absent.pth', '--out', 'x.onnx'), 'absent.pth does not exist'),
    'too small': ((CLASSIFIER, '--out', 'x.onnx', '--shape', '0', '64'), 'of at least 1, not'),
    'three sides': ((CLASSIFIER, '--out', 'x.onnx', '--shape', 64, 64, 3), 'got 64 64 3'),
    'no side': ((CLASSIFIER, '--out', 'x.onnx', '--shape', 'big'), 'of at least 1, not'),
    'opset too low': ((CLASSIFIER, '--out', 'x.onnx', '--opset', 13), 'choose one from 18 to 23'),
    'no format': ((CLASSIFIER, '--out', 'x.onnx', '--format', 'tflite'), "choice: 'tflite'"),
    'no suffix': ((CLASSIFIER, '--out', 'x.onnx', *FAST), 'x.onnx must end in .pt2'),
    'onto a folder': ((CLASSIFIER, '--out', 'd.pt2', *FAST), 'cannot be written: it is a folder'),
    'into a file': ((CLASSIFIER, '--out', 'f/x.pt2', *FAST), 'f/x.pt2 cannot be written'),
    'no out': ((CLASSIFIER,), '--out'),
    'a detector of another kind': (
        (DETECTOR, '--out', 'x.pt2', *FAST, *TRIDENT),
        'a MaskRCNN with the roi_head TridentRoIHead cannot be exported whole, only with '
        "StandardRoIHead or CascadeRoIHead: give --what backbone for this model's feature maps",
    ),
    'soft suppression': (
        (
            DETECTOR,
            '--out',
            'x.pt2',
            *FAST,
            '--cfg-options',
            'model.test_cfg.rcnn.nms.type=soft_nms',
        ),
        'only type nms of each class can be exported',
    ),
    'two pictures for a detector': (
        (DETECTOR, '--out', 'x.pt2', *FAST, '--batch', 2),
        'a detector is exported for one picture of one size at a time',
    ),
    'int8 without pictures': (
        (CLASSIFIER, '--out', 'x.onnx', '--precision', 'int8'),
        'name a folder of them, --calibration FOLDER, with --precision int8 and no other',
    ),
    'pictures without int8': (
        (CLASSIFIER, '--out', 'x.onnx', '--calibration', '.'),
        'with --precision int8 and no other',
    ),
    'an empty calibration folder': (
        (CLASSIFIER, '--out', 'x.onnx', '--precision', 'int8', '--calibration', 'd.pt2'),
        'the calibration folder d.pt2 holds no picture (.jpg, ',
    ),
    'float16 of torch': (
        (CLASSIFIER, '--out', 'x.pt2', *FAST, '--precision', 'float16'),
        'float16 can be had in the format onnx alone, not in torch_export',
    ),
    'any size from too small a one': (
        (CLASSIFIER, '--out', 'x.onnx', '--any-size', '--shape', 32),
        'a file of any size begins at 33 px',
    ),
    'NaN in the weights': (
        (CLASSIFIER, 'nan.pth', '--out', 'x.onnx'),
        'hold NaN or infinity',
    ),
    'accuracy of a backbone': (
        (DETECTOR, '--out', 'x.onnx', '--what', 'backbone', '--accuracy', 1),
        '--accuracy is measured of whole models in the format onnx',
    ),
    'another arch': ((CLASSIFIER, 'nano.pth', '--out', 'x.onnx'), 'of another shape (backbone.'),
    'no weights': ((CLASSIFIER, 'empty.pth', '--out', 'x.onnx'), 'holds no weights'),
    'no head': ((CLASSIFIER, 'backbone.pth', '--out', 'x.onnx'), 'tensors of ClassTokenClassifier'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_one_line_and_leaves_no_file(case, tool, folder):
    for library in ('mmdet', 'mmpretrain', 'onnxruntime'):
        pytest.importorskip(library)
    from mmengine.config import Config

    from heracles_mm import Hamsa

    Path('f').write_text('a file')
    Path('d.pt2').mkdir()
    torch.save({'epoch': 1}, 'empty.pth')
    for name, arch in (('nano', 'nano'), ('backbone', ARCH)):
        weights = Hamsa(arch, img_size=64).state_dict()
        torch.save({f'backbone.{key}': tensor for key, tensor in weights.items()}, f'{name}.pth')
    nan = build_model(Config.fromfile(CLASSIFIER), None, only_backbone=False).state_dict()
    nan['head.fc.bias'][0] = math.nan
    torch.save({'state_dict': nan}, 'nan.pth')
    before = {path.name for path in folder.iterdir()}
    argv, message = MISTAKES[case]
    code, printed, complained = tool(*argv)
    assert (code, printed) == (2, [])
    assert complained[-1].startswith('export_onnx: error: ')
    assert message in complained[-1]
    assert not [line for line in complained if 'Traceback' in line]
    assert {path.name for path in folder.iterdir()} == before


def test_without_onnxruntime_the_tool_says_how_to_get_it(tool, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    code, _, complained = tool(CLASSIFIER, '--out', 'x.onnx')
    assert code == 2
    assert 'needs onnxruntime' in complained[-1]
    assert "pip install 'heracles-mm[export]'" in complained[-1]
