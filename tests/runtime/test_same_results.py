"""A file finds what the library's own inferencer finds with the checkpoint, in any picture."""

import io

import cv2
import numpy as np
import pytest
import torch
from exported_models import scene
from PIL import Image

from heracles_mm.errors import ModelFileError
from heracles_mm.runtime import Model

ROTATED = 6
"""EXIF's word for a picture that is to be turned by a quarter."""


def encoded(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def pictures(height, width):
    """Files of many kinds that show pictures of one shape."""
    colour = Image.fromarray(scene(height, width))
    turned = Image.fromarray(np.rot90(scene(height, width)).copy())
    exif = Image.Exif()
    exif[0x0112] = ROTATED
    grey = np.asarray(colour.convert('L')).astype(np.uint16) * 256 + 17
    return {
        'png': encoded(colour, 'PNG'),
        'turned by exif': encoded(turned, 'JPEG', exif=exif),
        'grey': encoded(colour.convert('L'), 'PNG'),
        'rgba': encoded(colour.convert('RGBA'), 'PNG'),
        'palette': encoded(colour.quantize(64), 'PNG'),
        '16 bits': cv2.imencode('.png', grey)[1].tobytes(),
        'cmyk': encoded(colour.convert('CMYK'), 'JPEG'),
        'large': encoded(colour.resize((4000, 4000 * height // width)), 'JPEG'),
    }


@pytest.fixture
def write(tmp_path):
    """Write bytes to a file and return its path."""

    def to(content):
        path = tmp_path / 'picture'
        path.write_bytes(content)
        return str(path)

    return to


def by_label_and_place(labels, boxes, scores):
    return np.lexsort((np.round(scores, 3), *np.round(boxes, 1).T, labels))


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ('masks', 'queries')]


@pytest.mark.parametrize('name', ['instances', 'boxes', *SLOW])
def test_detections_are_those_of_mmdets_inferencer(name, exported, write):
    """96x64 px after its pipeline, as the file takes; 90x64 of the same file is padded in both."""
    from mmdet.apis import DetInferencer

    made = exported(name)
    model = Model(made.file)
    inferencer = DetInferencer(str(made.config), str(made.checkpoint), device='cpu')
    inferencer.show_progress = False
    samples = {**pictures(128, 192), 'padded': encoded(Image.fromarray(scene(128, 180)), 'PNG')}
    for kind, content in samples.items():
        path = write(content)
        found = model(path)
        (expected,) = inferencer(path, return_datasamples=True)['predictions']
        expected = expected.pred_instances.numpy()
        assert len(found) == len(expected.scores) > 0, kind
        own = by_label_and_place(found.labels, found.boxes, found.scores)
        theirs = by_label_and_place(expected.labels, expected.bboxes, expected.scores)
        scale = max(found.size) / 96
        assert np.array_equal(found.labels[own], expected.labels[theirs]), kind
        assert np.abs(found.scores[own] - expected.scores[theirs]).max() < 1e-4, kind
        assert np.abs(found.boxes[own] - expected.bboxes[theirs]).max() < 0.05 * scale, kind
        if found.has_masks:
            for i, j in list(zip(own, theirs))[:5]:
                different = np.mean(found.mask(i) != expected.masks[j])
                assert different < 1e-3, kind


@pytest.mark.parametrize(
    'name', ['segments', pytest.param('mask_segments', marks=pytest.mark.slow)]
)
def test_label_maps_are_those_of_mmsegs_inferencer(name, exported, write):
    """The file takes any size, so nothing is padded."""
    from mmseg.apis import MMSegInferencer

    made = exported(name)
    model = Model(made.file)
    inferencer = MMSegInferencer(str(made.config), str(made.checkpoint), device='cpu')
    samples = {**pictures(65, 93), 'upright': encoded(Image.fromarray(scene(120, 77)), 'PNG')}
    for kind, content in samples.items():
        path = write(content)
        found = model(path)
        expected = inferencer(path, show=False)['predictions']
        assert found.labels.shape == expected.shape, kind
        assert np.mean(found.labels != expected) < 1e-3, kind  # pixels between two classes
    assert len(np.unique(found.labels)) > 1


def test_class_scores_are_those_of_mmpretrains_inferencer(exported, write):
    from mmpretrain.apis import ImageClassificationInferencer

    made = exported('classes')
    model = Model(made.file)
    inferencer = ImageClassificationInferencer(str(made.config), str(made.checkpoint), device='cpu')
    samples = {**pictures(65, 93), 'one pixel': encoded(Image.fromarray(scene(1, 1)), 'PNG')}
    for kind, content in samples.items():
        path = write(content)
        found = model(path)
        (expected,) = inferencer(path)
        assert np.abs(found.scores - expected['pred_scores']).max() < 1e-4, kind
        assert found.top(1)[0][0] == f'classes {expected["pred_label"]}', kind
    assert found.scores.max() > 0.2


@pytest.mark.parametrize('name', ['instances', 'segments', 'classes'])
def test_a_picture_may_come_in_any_form(name, exported, write):
    """As a path, bytes, an array, a Pillow picture, or a list of these; of one pixel too."""
    model = Model(exported(name).file)
    for pixels in (scene(60, 90), scene(1, 1)):
        content = encoded(Image.fromarray(pixels), 'PNG')
        results = model([write(content), content, pixels, Image.fromarray(pixels)])
        first, *others = [result.as_dict() for result in results]
        assert all(other == first for other in others)
        assert {result.size for result in results} == {pixels.shape[:2]}


@pytest.mark.parametrize('name', ['instances', 'boxes', 'classes', *SLOW])
def test_openvino_finds_the_same(name, exported):
    pytest.importorskip('openvino', reason='the openvino extra is not installed')
    file = exported(name).file
    first, second = Model(file), Model(file, engine='openvino')
    assert first.description == second.description
    for index in range(2):
        picture = scene(64, 96, index)
        own, other = first(picture), second(picture)
        assert np.abs(own.scores - other.scores).max() < 1e-3
        if name != 'classes':
            assert np.abs(own.boxes - other.boxes).max() < 0.1


def test_openvino_refuses_files_of_any_size(exported):
    pytest.importorskip('openvino', reason='the openvino extra is not installed')
    with pytest.raises(ModelFileError, match='OpenVINO runs files of one size'):
        Model(exported('segments').file, engine='openvino')


@pytest.mark.parametrize('name', ['instances', 'segments', 'classes', *SLOW])
def test_a_checkpoint_behind_the_same_interface_finds_the_same(name, exported):
    from mmengine.config import Config

    from heracles_mm.export.eager_model import eager_model

    made = exported(name)
    eager = eager_model(Config.fromfile(made.config), str(made.checkpoint))
    with torch.no_grad():
        own, other = Model(made.file)(scene(64, 96)), eager(scene(64, 96))
    assert own.as_dict().keys() == other.as_dict().keys()
    if name == 'segments':
        assert np.mean(own.labels != other.labels) < 1e-3
    else:
        assert np.abs(np.sort(own.scores) - np.sort(other.scores)).max() < 1e-4
