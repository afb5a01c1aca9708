# Mask2Former, Heracles-S, Cityscapes, 90k iterations, batch 16, AdamW 1e-4, gradient clip 0.01,
# crops of 512x1024: a tenth of the rate in the backbone and drop path 0.3 as mmseg's
# mask2former_swin-t_8xb2-90k_cityscapes-512x1024.py (assumed: the papers of this family report no
# Cityscapes).
# No pretrained weights are public; with a classifier checkpoint of your own:
#   model.backbone.init_cfg=dict(type='Pretrained', checkpoint=PATH, prefix='backbone.')
_base_ = [
    './_base_/models/mask2former_semantic.py',
    './_base_/datasets/cityscapes_short_side.py',
    './_base_/schedules/cityscapes_mask2former_90k.py',
]

model = dict(
    data_preprocessor=dict(size=(512, 1024)),
    backbone=dict(
        type='Heracles',
        arch='s',
        spectral_stages=1,
        kv_grid=28,  # ours, for large pictures: docs/heracles.md
        drop_path_rate=0.3,
    ),
    decode_head=dict(
        in_channels=[64, 128, 320, 448],
        num_classes=19,
        loss_cls=dict(class_weight=[1.0] * 19 + [0.1]),
    ),
)
