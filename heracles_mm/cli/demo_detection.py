"""The demo of detection and instance segmentation: boxes and masks of the scenes' objects."""

from heracles_mm.cli.demo_task import DemoTask

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
)
