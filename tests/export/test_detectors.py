"""What is exported of a detector finds what mmdet finds; what does not is not kept."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as functional
from exported_backbones import loud
from mmengine.config import Config

from heracles_mm.datasets.scenes import compose_scene
from heracles_mm.datasets.spec import ScenesSpec
from heracles_mm.errors import UserError
from heracles_mm.export.accuracy import TestData
from heracles_mm.export.checked_export import compared, detection_samples, export
from heracles_mm.export.compare import Comparison
from heracles_mm.export.formats import ExportOptions
from heracles_mm.export.freeze import freeze
from heracles_mm.export.query_detectors import padding
from heracles_mm.export.wrappers import target

CONFIGS = Path(__file__).parent / 'configs'
NAMES = ('detector', 'cascade', 'retinanet', 'gfl', 'atss')
QUERIES = ('dino', 'mask2former')
SCORES = ('rpn_cls', 'fc_cls', 'gfl_cls', 'atss_cls', 'conv_logits', 'cls_embed', 'mask_embed.4')
"""Last layers that make fresh scores too alike; the others' are far apart already."""


def detector(name, **test_cfg):
    """A model whose scores are far from each other: no order hangs on rounding."""
    pytest.importorskip('mmdet')
    from heracles_mm.export.building import build_model

    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    place = cfg.model.test_cfg.get('rcnn', cfg.model.test_cfg)
    place.update(test_cfg)
    model = build_model(cfg, None, only_backbone=False)
    loud(model.backbone)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if any(word in key for word in SCORES) and parameter.dim() > 1:
                parameter.mul_(8)
            elif key.endswith(('rpn_cls.bias', 'retina_cls.bias', 'gfl_cls.bias', 'atss_cls.bias')):
                parameter.zero_()
    return model


def scene(height, width, index=0):
    """A normalised picture (1, 3, height, width) of real pixels."""
    pixels = compose_scene(ScenesSpec(), 'val', index).image[:height, :width, ::-1].copy()
    return (torch.from_numpy(pixels).permute(2, 0, 1)[None].float() - 116) / 58


def in_graph(made, x, size):
    """What the module finds as it is traced."""
    inputs = x, torch.tensor(size).float()
    return made.module.read(freeze(made.module, *inputs)(*inputs), x.shape[2:], size)


@pytest.mark.parametrize('name', NAMES + QUERIES)
def test_the_same_as_mmdet_in_any_picture(name):
    """Wide and upright ones, one with padding, an empty one, one that shows more than is allowed
    and one without a detection."""
    most = 3
    made = target(detector(name, max_per_img=most, max_per_image=most), 'model')
    counts = []
    with torch.no_grad():
        for x, size in (
            (scene(64, 96), (64, 96)),
            (scene(96, 64, 1), (96, 64)),
            (scene(64, 96, 2), (50, 80)),
            (torch.zeros(1, 3, 64, 64), (64, 64)),
        ):
            own = made.module.own(x, size)
            found = in_graph(made, x, size)
            assert len(found) == len(made.compared)
            for what, expected, value in zip(made.compared, own, found, strict=True):
                assert expected.shape == value.shape
                atol = 1e-3 if what == 'boxes' else 1e-4
                torch.testing.assert_close(value, expected, rtol=0, atol=atol)
            assert found[0][:, 2].max() <= size[1] and found[0][:, 3].max() <= size[0]
            counts.append(len(found[0]))
    assert max(counts) == most
    if 'masks' in made.outputs:
        assert found[3].shape == (counts[-1], 28, 28)


@pytest.mark.parametrize('name', NAMES)
def test_nothing_found_is_no_error(name):
    made = target(detector(name, score_thr=1.1), 'model')
    with torch.no_grad():
        found = made.module(scene(64, 64), torch.tensor([64.0, 64.0]))
        own = made.module.own(scene(64, 64), (64, 64))
    assert [len(output) for output in found] == [0] * len(made.outputs)
    assert [output.shape for output in own] == [output.shape for output in found]


@pytest.mark.parametrize('name', ['detector', 'retinanet'])
def test_nothing_found_is_no_error_of_torchs_own_file(name, tmp_path):
    """What torch.export takes for known of a number of boxes is asserted when the file runs."""
    made = target(detector(name, score_thr=1.1), 'model')
    options = ExportOptions((64, 64), format='torch_export')
    report = export(made, options, tmp_path / 'd.pt2', pictures=[scene(64, 64)])
    assert report.detections == 0


@pytest.mark.slow
@pytest.mark.parametrize('name', ['cascade', 'atss'])
def test_onnxruntime_finds_the_same(name, tmp_path):
    """Others: tests/runtime, whose files are such detectors. A RetinaNet is an ATSS
    without centredness."""
    pytest.importorskip('onnxruntime')
    made, pictures = target(detector(name), 'model'), [scene(64, 96, 3)]
    report = export(made, ExportOptions((64, 96)), tmp_path / 'd.onnx', pictures=pictures)
    assert report.detections > 20


def test_the_padding_that_dino_does_not_look_at_is_mmdets():
    """mmdet shrinks a mask of the image to each map by torch's nearest neighbours; 330 px to 42
    cells is a ratio where these are not those of whole numbers."""
    for size in ((314, 55), (330, 48), (1, 1)):
        mask = torch.ones(1, 1, 330, 50)
        mask[..., : size[0], : size[1]] = 0
        expected = functional.interpolate(mask, size=(42, 7))[0].bool()
        assert torch.equal(padding((330, 50), (42, 7), torch.tensor(size).float()), expected)


def test_things_alone_are_instances_of_a_panoptic_model():
    model = detector('mask2former', panoptic_on=True)
    with pytest.raises(UserError, match='of a Mask2Former only its instances can be exported'):
        target(model, 'model')
    model.test_cfg.panoptic_on = False
    model.panoptic_fusion_head.num_things_classes = 2  # the third is stuff
    made, x = target(model, 'model'), scene(64, 96)
    with torch.no_grad():
        own, found = made.module.own(x, (64, 96)), in_graph(made, x, (64, 96))
    assert set(own[2].tolist()) == {0, 1}
    for expected, value in zip(own, found, strict=True):
        torch.testing.assert_close(value, expected, rtol=0, atol=1e-4)


def test_the_accuracy_of_panoptic_maps_is_refused():
    metrics = [dict(type='CocoPanopticMetric'), dict(type='CocoMetric')]
    cfg = Config(dict(test_dataloader=dict(dataset={}), test_evaluator=metrics))
    with pytest.raises(UserError, match='no panoptic map: leave CocoPanopticMetric out'):
        TestData(cfg)


def found_in(*rows):
    """Boxes of one px more each, scores and labels."""
    boxes = torch.tensor([[0.0, 0, row[0], 10] for row in rows]).reshape(-1, 4)
    scores, labels = (torch.tensor([row[at] for row in rows]) for at in (1, 2))
    return boxes, scores, labels.long()


def compare(own, found, nudged=None, most=100):
    comparison = Comparison(('boxes', 'scores', 'labels'))
    comparison.add_detections(own, found, 0.05, most)
    comparison.excuse_detections(own, [nudged or own], 0.05, most)
    return comparison.fault()


OWN = ((10, 0.9, 0), (20, 0.5, 1), (30, 0.5, 1))


def test_the_order_of_equal_scores_is_nobodys():
    assert compare(found_in(*OWN), found_in(OWN[0], OWN[2], OWN[1])) is None


def test_objects_of_one_box_and_score_are_told_by_their_masks():
    """As queries of random weights often are."""
    masks = torch.tensor([[[0.1, 0.9]], [[0.9, 0.1]]])
    own, found = ((*found_in((10, 0.5, 0), (10, 0.5, 0)), each) for each in (masks, masks.flip(0)))
    comparison = Comparison(('boxes', 'scores', 'labels', 'masks'))
    comparison.add_detections(own, found, 0.05, 100)
    assert comparison.fault() is None
    comparison.add_detections(own, (*found[:3], masks + 0.01), 0.05, 100)
    assert 'its masks differ' in comparison.fault()


def test_what_is_cut_off_by_a_rounding_may_be_on_either_side():
    edge = (40, 0.05005, 0)
    assert compare(found_in(*OWN, edge), found_in(*OWN)) is None
    assert compare(found_in(*OWN), found_in(*OWN[:2], (40, 0.50003, 2)), most=3) is None


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ((10.1, 0.9, 0), 'the model alone finds a box 0.0, 0.0, 10.0, 10.0 of label 0'),
        ((10, 0.8, 0), 'the model alone finds'),
        ((10, 0.9, 1), 'the model alone finds'),
    ],
)
def test_another_box_score_or_label_is_a_fault(change, words):
    found = found_in(change, *OWN[1:])
    assert words in compare(found_in(*OWN), found)
    assert 'the file alone finds' in compare(found, found_in(*OWN, change))
    # But not where the model itself finds another one when nothing but a rounding has changed.
    assert compare(found_in(*OWN), found, nudged=found) is None


def test_numbers_may_differ_as_much_as_the_models_own_do_by_a_rounding():
    comparison = Comparison(('logits',))
    comparison.add([torch.tensor([5.0])], [torch.tensor([5.0005])])
    assert 'its logits differ' in comparison.fault()
    comparison.excuse([torch.tensor([5.0])], [torch.tensor([5.002])])
    assert comparison.fault() is None
    comparison.add([torch.tensor([5.0])], [torch.tensor([5.0015])])  # that is no rounding
    assert '1e-03 is allowed' in comparison.fault()
    comparison.add([torch.tensor([5.0])], [torch.tensor([torch.nan])])
    assert 'its logits differ' in comparison.fault()


def test_a_file_whose_boxes_are_elsewhere_is_found_out(monkeypatch):
    """Half a pixel, as by the RoIAlign of an old opset."""
    made = target(detector('retinanet'), 'model')
    samples = detection_samples([scene(64, 64)])
    own, seen = made.module.own, []
    monkeypatch.setattr(made.module, 'own', lambda *inputs: seen.append(0) or own(*inputs))

    def moved(shift):
        def run(*inputs):
            boxes, *rest = made.module(*inputs)
            return boxes + shift, *rest

        with torch.no_grad():
            return compared(made, run, samples)[0]

    same = moved(0.0)
    assert same.fault() is None and same.detections > 5
    assert len(seen) == len(samples)  # nothing is to be explained, so no picture is nudged
    assert 'alone finds a box' in moved(0.5).fault()


def test_weights_that_are_not_finite_are_refused(tmp_path):
    model = detector('retinanet')
    with torch.no_grad():
        model.bbox_head.retina_reg.bias[0] = torch.nan
    with pytest.raises(UserError, match=r'hold NaN or infinity \(detector\.bbox_head\.retina_reg'):
        export(target(model, 'model'), ExportOptions((64, 64)), tmp_path / 'd.onnx')
