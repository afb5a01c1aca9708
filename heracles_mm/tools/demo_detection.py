"""The demo of detection and instance segmentation: boxes and masks of the scenes' objects."""

from matplotlib.figure import Figure
from mmengine.structures import BaseDataElement

from heracles_mm.tools.demo_task import DemoTask
from heracles_mm.visualization import Detections, plot_detections

SCORE_SHOWN = 0.5
"""Predictions below it are left out of the pictures (never out of the AP)."""


def draw(items: list[dict], found: list[BaseDataElement], meta: dict) -> Figure:
    """Each picture with its ground truth and what the model finds in it."""
    pictures = []
    for item, sample in zip(items, found, strict=True):
        truth, prediction = item['data_samples'].gt_instances, sample.pred_instances.cpu().numpy()
        prediction = prediction[prediction.scores >= SCORE_SHOWN]
        pictures.append(
            (
                item['inputs'].flip(0).permute(1, 2, 0).numpy(),  # BGR (3, H, W) to RGB (H, W, 3)
                Detections(
                    truth.bboxes.numpy(), truth.labels.numpy(), truth.masks.masks.astype(bool)
                ),
                Detections(
                    prediction.bboxes, prediction.labels, prediction.masks, prediction.scores
                ),
            )
        )
    return plot_detections(pictures, meta['classes'], meta['palette'])


TASK = DemoTask(
    measures={
        'box_ap': ('coco/bbox_mAP', 'box AP'),
        'mask_ap': ('coco/segm_mAP', 'mask AP'),
        'filled_box_mask_ap': (
            'filled_box/segm_mAP',
            "mask AP of the model's own boxes filled in",
        ),
    },
    full_scale=1,
    curves=('box_ap', 'mask_ap', 'filled_box_mask_ap'),
    ylabel='COCO AP on the val scenes',
    curve_file='ap_over_steps.png',
    draw=draw,
)
