# Mask2Former, HAMSA-S, COCO panoptic, 368750 iterations with large-scale jitter, batch 16, AdamW
# 1e-4, gradient clip 0.01: 50 epochs, a tenth of the rate in the backbone and drop path 0.3 as
# mmdet's mask2former_swin-t-p4-w7-224_8xb2-lsj-50e_coco-panoptic.py (assumed: the papers of this
# family report no Mask2Former).
# No pretrained weights are public; with a classifier checkpoint of your own:
#   model.backbone.init_cfg=dict(type='Pretrained', checkpoint=PATH, prefix='backbone.')
_base_ = [
    './_base_/models/mask2former_panoptic.py',
    './_base_/datasets/coco_panoptic_lsj.py',
    './_base_/schedules/coco_mask2former_50e.py',
]

model = dict(
    backbone=dict(type='Hamsa', arch='s', drop_path_rate=0.3),
    panoptic_head=dict(in_channels=[64, 128, 320, 448]),
)
