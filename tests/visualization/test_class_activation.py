"""Class activation maps are the formulas' and lie where the picture's parts lie."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from PIL import Image

pytest.importorskip('matplotlib', reason='pictures need matplotlib, which comes with mmdet')
pytest.importorskip('pytorch_grad_cam', reason='the extra cam is not installed')

from heracles_mm.cli.visualize import main
from heracles_mm.errors import UserError
from heracles_mm.visualization import class_activation, plot_class_activation
from heracles_mm.visualization.activations import stage_maps

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
NAMES = {
    'mmpretrain': 'hamsa_nano_imagenette',
    'mmseg': 'upernet_hamsa_nano_scenes',
    'mmdet': 'mask_rcnn_heracles_nano_scenes',
}


@pytest.fixture(scope='module')
def built():
    """Library -> a model of it, random."""
    models = {}

    def build(scope):
        pytest.importorskip(scope)
        if scope not in models:
            cfg = Config.fromfile(CONFIGS / f'{NAMES[scope]}.py')
            torch.manual_seed(0)
            with DefaultScope.overwrite_default_scope(scope):
                models[scope] = MODELS.build(cfg.model).eval()
        return models[scope]

    return build


@pytest.fixture
def picture():
    return torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))


def test_of_mean_pooled_classes_it_is_the_weighted_sum_of_the_map(built, picture):
    """The logit is the mean over places of w . a, so each place's gradient is w / places, whatever
    the place: Grad-CAM is the positive part of w . a (Zhou et al. 2016), as the package scales it
    and makes it as large as the picture."""
    model = built('mmpretrain')
    subject, maps = class_activation('mmpretrain', model, picture, [4], label=7)
    with torch.no_grad():
        last = stage_maps(model.backbone, picture)[-1][0]  # (2, 3, C)
        expected = (last @ model.head.fc.weight[7]).relu().numpy()
    expected = cv2.resize((expected - expected.min()) / np.ptp(expected), (96, 64))
    assert subject.label == 7
    np.testing.assert_allclose(maps[4], expected, atol=5e-3)  # it divides by the largest + 1e-7


def test_it_is_the_models_own_class(built, picture):
    model = built('mmpretrain')
    with torch.no_grad():
        scores = model(picture, mode='tensor').softmax(1)[0]
    subject, _ = class_activation('mmpretrain', model, picture, [1])
    assert (subject.label, subject.score) == (int(scores.argmax()), pytest.approx(scores.max()))


def test_a_region_is_of_the_class_with_most_pixels(built, picture):
    model = built('mmseg')
    with torch.no_grad():
        winners = model(picture, mode='tensor')[0].argmax(0)
    counts = winners.flatten().bincount()
    subject, maps = class_activation('mmseg', model, picture, [2, 4])
    assert subject.label == int(counts.argmax())
    assert subject.score == pytest.approx(int(counts.max()) / winners.numel())
    assert {stage: found.shape for stage, found in maps.items()} == {2: (64, 96), 4: (64, 96)}
    with pytest.raises(UserError, match='finds class 30 nowhere'):
        class_activation('mmseg', model, picture, [4], label=30)


def test_a_detection_is_explained_by_what_its_box_covers():
    """The score reads no map but what RoIAlign takes from the box, beside what convolutions and
    spectral layers bring from elsewhere: most of a trained detector's map is in the box. Here the
    detections are given, and the score is that of the one that overlaps, of the same class."""
    from mmengine.structures import InstanceData

    from heracles_mm.visualization.activation_maps import _choose_detection

    boxes = torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 30], [0, 0, 10, 11]])
    found = InstanceData(
        bboxes=boxes, labels=torch.tensor([1, 0, 0]), scores=torch.tensor([0.9, 0.8, 0.7])
    )
    subject = _choose_detection(found, None)
    assert (subject.label, subject.box) == (1, (0, 0, 10, 10))
    later = InstanceData(
        bboxes=boxes + 1, labels=found.labels, scores=torch.tensor([0.4, 0.5, 0.6])
    )
    assert subject.target(later).item() == pytest.approx(0.4)
    assert _choose_detection(found, 0).target(later).item() == pytest.approx(0.5)
    assert subject.target(later[1:]).item() == 0  # the object is lost
    with pytest.raises(UserError, match='no object of class 2'):
        _choose_detection(found, 2)


def test_a_detector_points_at_places(built, picture):
    """Fresh class scores are alike, so there are detections; their gradient reaches any stage."""
    subject, maps = class_activation('mmdet', built('mmdet'), picture, [1, 4])
    x1, y1, x2, y2 = subject.box
    assert 0 <= x1 < x2 <= 96 and 0 <= y1 < y2 <= 64
    for values in maps.values():
        assert values.shape == (64, 96)
        assert values.min() == 0 and values.max() == pytest.approx(1, abs=1e-3)
    figure = plot_class_activation([(picture, subject, maps)], None)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [f'class {subject.label} {subject.score:.2f}', 'stage 1', 'stage 4']
    assert [axes.patches[0].get_bbox().bounds[2] for axes in figure.axes] == [
        pytest.approx(x2 - x1)
    ] * 3


@pytest.fixture
def argv(built, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    meta = dict(dataset_meta=dict(classes=[f'kind {number}' for number in range(10)]))
    torch.save(dict(state_dict=built('mmpretrain').state_dict(), meta=meta), 'trained.pth')
    pixels = np.random.default_rng(0).integers(256, size=(40, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save('picture.png')
    config = str(CONFIGS / f'{NAMES["mmpretrain"]}.py')
    return ['cam', config, 'trained.pth', '--out', 'out.png', '--image', 'picture.png']


def test_the_tool_draws(argv):
    assert main([*argv, 'picture.png', '--class', 'kind 3', '--stage', '3', '--size', '64']) == 0
    with Image.open('out.png') as drawn:
        assert drawn.width < drawn.height * 1.2  # two columns, two rows


MISTAKES = {
    'class': (['--class', 'shoe'], '--class shoe is unknown: those of the checkpoint are kind 0,'),
    'number': (['--class', '10'], '--class 10 is unknown'),
    'stage': (['--stage', '5'], 'stage 5 does not exist'),
    'method': (['--method', 'magic'], "'gradcam'"),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_one_line_and_no_file(argv, case, capsys):
    options, words = MISTAKES[case]
    assert main([*argv, *options]) == 2
    assert words in capsys.readouterr().err.splitlines()[-1]
    assert not Path('out.png').exists()


def test_without_the_package_its_name_is_said(argv, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'pytorch_grad_cam', None)
    assert main(argv) == 2
    assert "pip install 'heracles-mm[cam]'" in capsys.readouterr().err
