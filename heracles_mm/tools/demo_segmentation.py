"""The demo of semantic segmentation: the scenes' label maps."""

from matplotlib.figure import Figure
from mmengine.structures import BaseDataElement

from heracles_mm.datasets import LABEL_CLASSES
from heracles_mm.tools.demo_task import DemoTask
from heracles_mm.visualization import plot_label_maps


def draw(items: list[dict], found: list[BaseDataElement], meta: dict) -> Figure:
    """Each picture with its label map and the predicted one."""
    pictures = [
        (
            item['inputs'].flip(0).permute(1, 2, 0).numpy(),  # BGR (3, H, W) to RGB (H, W, 3)
            item['data_samples'].gt_sem_seg.data[0].numpy(),
            sample.pred_sem_seg.data[0].cpu().numpy(),
        )
        for item, sample in zip(items, found, strict=True)
    ]
    return plot_label_maps(pictures, meta['classes'], meta['palette'])


TASK = DemoTask(
    measures={
        'miou': ('mIoU', 'mIoU'),
        'floor': ('floor', 'floor: mIoU of the best constant prediction'),
        **{f'iou_{name}': (f'IoU/{name}', f'IoU of {name}') for name in LABEL_CLASSES},
    },
    full_scale=100,  # mmseg logs percent
    curves=('miou', 'floor'),
    ylabel='IoU on the val scenes',
    curve_file='iou_over_steps.png',
    draw=draw,
)
