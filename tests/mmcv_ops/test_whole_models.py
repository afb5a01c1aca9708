"""Whole models train and predict by our operators, with a compiled mmcv's very losses, gradients
and predictions where that has the operators for a CPU."""

import pytest
import torch
from mmcv_operators import operators

import heracles_mm.mmcv_ops.extension as ours

pytest.importorskip('mmdet')
pytest.importorskip('mmseg')

from toy_models import one_step, read

COMPARED = [
    'mask_rcnn_heracles_nano_scenes',
    'cascade_mask_rcnn_hamsa_s_coco_3x',
    'retinanet_heracles_s_coco',
    'gfl_hamsa_s_coco_3x',
    'upernet_heracles_nano_scenes',
    'mmdet/faster_rcnn/faster-rcnn_r50_fpn_1x_coco',
    'mmdet/rtmdet/rtmdet-ins_tiny_8xb32-300e_coco',
    'mmdet/mask2former/mask2former_r50_8xb2-lsj-50e_coco',
    'mmdet/deformable_detr/deformable-detr_r50_16xb2-50e_coco',
    'mmdet/dino/dino-4scale_r50_8xb2-12e_coco',
    'mmdet/pisa/faster-rcnn_r50_fpn_pisa_1x_coco',  # nms_match
    'mmdet/vfnet/vfnet_r50-mdconv-c3-c5_fpn_ms-2x_coco',  # deform_conv, modulated_deform_conv
    'mmdet/dyhead/atss_r50_fpn_dyhead_1x_coco',  # offsets of another size
    'mmseg/psanet/psanet_r50-d8_4xb4-80k_ade20k-512x512',  # psamask
]
ON_A_GPU_ONLY = [
    'mmdet/carafe/mask-rcnn_r50_fpn-carafe_1x_coco',
    'mmdet/guided_anchoring/ga-retinanet_r50_fpn_1x_coco',  # masked convolution
]
"""What a compiled mmcv refuses on a CPU."""


def values(predictions):
    """Each prediction's tensors by name."""
    for index, sample in enumerate(predictions):
        for kind in ('pred_instances', 'pred_sem_seg', 'seg_logits'):
            part = sample.get(kind)
            if part is not None:
                yield from ((f'{index}.{kind}.{name}', value) for name, value in part.items())


@pytest.mark.parametrize('name', COMPARED)
def test_losses_gradients_and_predictions_are_those_of_compiled_operators(name, compiled):
    cfg = read(name)
    with operators(compiled):
        expected = one_step(cfg)
    with operators(ours):
        own = one_step(cfg)
    assert own['losses'].keys() == expected['losses'].keys()
    for key, loss in expected['losses'].items():
        torch.testing.assert_close(own['losses'][key], loss, rtol=1e-6, atol=1e-7, msg=key)
    largest = max(float(each.abs().max()) for each in expected['gradients'].values())
    assert own['gradients'].keys() == expected['gradients'].keys()
    for key, gradient in expected['gradients'].items():
        tolerance = 1e-5 * max(float(gradient.abs().max()), 1e-3 * largest)
        difference = float((own['gradients'][key] - gradient).abs().max())
        assert difference <= tolerance, (key, difference, tolerance)
    found = dict(values(own['predictions']))
    for key, value in values(expected['predictions']):
        assert value.numel() or 'pred_instances' in key
        torch.testing.assert_close(torch.as_tensor(found[key]), torch.as_tensor(value), msg=key)


@pytest.mark.parametrize('name', ON_A_GPU_ONLY)
def test_what_compiled_operators_refuse_on_a_cpu_trains_there_too(name):
    with operators(ours):
        step = one_step(read(name))
    assert all(torch.isfinite(loss).all() for loss in step['losses'].values())
    assert all(torch.isfinite(each).all() for each in step['gradients'].values())
    assert step['predictions']
