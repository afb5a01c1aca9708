"""The demo of semantic segmentation: the scenes' label maps."""

from heracles_mm.cli.demo_task import DemoTask
from heracles_mm.datasets import LABEL_CLASSES

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
)
